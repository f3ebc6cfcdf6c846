import { playAll } from '../support/recorded.ts';

playAll('tty');
