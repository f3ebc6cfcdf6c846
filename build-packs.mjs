// Bundles a program into packs: files of scripts that are read and compiled together. The first pack
// has what runs before the first prompt; the others wait until something of them is imported.
// esbuild splits the program into chunks, ES modules without cycles; here each becomes a function
// that returns its exports. No chunk assigns to what it exports, so plain values do.
import { build } from 'esbuild';

const IMPORT = /(?<=^|[;}\n])import(?:\*as ([\w$]+) from|\{([^}]*)\}from)?"([^"]+)";/g;
const EXPORT = /export\{([^}]*)\};?\s*$/;
const LATE_IMPORT = /\bimport\("([^"]+)"\)/g;

/** `a as b` in a list: `export` writes the name of outside last, destructuring first. */
function renamed(list, write) {
  return list
    .split(',')
    .map(item => item.trim().split(/\s+as\s+/))
    .map(([name, other = name]) => (name === other ? name : write(name, other)))
    .join(',');
}

function baseName(path) {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The chunk as a function of Node's `require`, of our `need` and of the directory of the packs. */
function chunkFunction(text, idOf) {
  const from = path => {
    const id = idOf.get(baseName(path));
    return id === undefined ? `require("${path}")` : `need(${id})`;
  };
  let head = '"use strict";';
  // Imports come first, wherever they stand.
  let body = text.replace(IMPORT, (_, everything, names, path) => {
    const list = names && `{${renamed(names, (name, local) => `${name}:${local}`)}}`;
    const target = everything ?? list;
    head += target === undefined ? `${from(path)};` : `const ${target}=${from(path)};`;
    return '';
  });
  const exported = EXPORT.exec(body);
  if (exported !== null) {
    const names = renamed(exported[1], (local, name) => `${name}:${local}`);
    body = `${body.slice(0, exported.index)}\nreturn{${names}}`;
  }
  if (/(^|[;}\n])(import|export)[{*"]/.test(body)) {
    throw new Error('an import or export is left');
  }
  body = body.replace(LATE_IMPORT, (_, path) => `Promise.resolve().then(()=>${from(path)})`);
  return `()=>{${head}${body}}`;
}

/**
 * The packs of the program at `entry`, as texts, and for each chunk the number of its pack; chunk 0
 * is the program. `later` has for each further pack the modules that it and its imports make; the
 * pack behind them has what is left. Without it all is one pack.
 */
export async function bundlePacks({ entry, later, external }) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    outdir: 'dist',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    define: { 'import.meta.dirname': '__dirname' },
    external,
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  const outputs = Object.entries(metafile.outputs);
  const pathOf = module => outputs.find(([, { entryPoint }]) => entryPoint === module)?.[0];
  const packOf = new Map();
  const assign = (path, pack) => {
    if (packOf.has(path)) return;
    packOf.set(path, pack);
    for (const { path: needed, kind, external: isOutside } of metafile.outputs[path].imports) {
      if (kind === 'import-statement' && isOutside !== true) assign(needed, pack);
    }
  };
  [[entry], ...(later ?? [])].forEach((modules, pack) => {
    for (const module of modules) {
      const path = pathOf(module);
      if (path === undefined) throw new Error(`${module} is never imported by itself`);
      assign(path, pack);
    }
  });
  const rest = later === undefined ? 0 : 1 + later.length;
  for (const [path] of outputs) if (!packOf.has(path)) assign(path, rest);
  const paths = [...packOf.keys()];
  const idOf = new Map(paths.map((path, id) => [baseName(path), id]));
  const textOf = new Map(outputFiles.map(file => [baseName(file.path), file.text]));
  const packs = [];
  for (const [id, path] of paths.entries()) {
    const pack = packOf.get(path);
    packs[pack] ??= '';
    packs[pack] += `chunks[${id}]=${chunkFunction(textOf.get(baseName(path)), idOf)};\n`;
  }
  return { packs, packOfChunk: paths.map(path => packOf.get(path)) };
}
