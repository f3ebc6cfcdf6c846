import { expect, test } from 'vitest';
import { referenceText } from './support/reference.ts';

test('docs/reference.md says what the tables and schemas say', async () => {
  await expect(referenceText()).toMatchFileSnapshot('../docs/reference.md');
});
