// `npm run bench [startup|monitor|guest]`: every figure with its peer in the same run.
import { guest } from './guest.mjs';
import { monitor } from './monitor.mjs';
import { startup } from './startup.mjs';

const SUITES = { startup, monitor, guest };

const wanted = process.argv.slice(2);
for (const [name, suite] of Object.entries(SUITES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await suite();
}
