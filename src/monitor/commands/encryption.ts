/** Commands about the passwords of encrypted images; only there when such images may be opened. */

import type { Json } from '../../json.ts';
import { empty, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';

export const blockPasswd = action({
  name: 'block_passwd',
  doc: 'Give the password of an encrypted image. Any text is taken; a wrong one is not noticed.',
  args: struct('PasswdArgs', {
    device: optional(str),
    'node-name': optional(str),
    password: str,
  }),
  run(vm, args) {
    vm.drives.setPassword(args.device, args['node-name'], args.password);
  },
});

export const missingKeys = command({
  name: 'x-missing-keys',
  doc: 'Drives that wait for a password, with the names of their files.',
  args: empty,
  returns: returned<Json>("['MissingKey']"),
  run: vm => vm.drives.missingKeys().map(({ device, filename }) => ({ device, filename })),
});
