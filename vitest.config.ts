import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    // Hundreds of folders with images are removed after some suites.
    hookTimeout: 60_000,
    // Nothing here speaks TLS: the hundreds of programs that start need not read certificates.
    env: { NODE_EXTRA_CA_CERTS: '' },
    globalSetup: ['test/support/build.ts'],
  },
});
