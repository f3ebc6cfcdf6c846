import { invokeAll } from '../support/invocations.ts';

invokeAll('tty');
