import { holdAll } from '../../support/recorded-qmp.ts';

holdAll('pipe');
