/**
 * JSON as QEMU prints it; the tools share the printer.
 */
export { bucketOf, printJson, printOrder } from '../json-text.ts';
