import { playAll } from '../support/recorded.ts';

playAll('pipe');
