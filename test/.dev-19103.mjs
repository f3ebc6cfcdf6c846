// test/support/emulator.ts
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as join2 } from "node:path";

// test/support/sessions.ts
import { readFileSync } from "node:fs";
import { join } from "node:path";
var GOLDENS = join("/work/wt/hmp/test/support", "../goldens");
function golden(name) {
  return readFileSync(join(GOLDENS, `${name}.txt`), "utf8");
}
function shellWords(text) {
  const words = [];
  const pattern = /((?:\\.|'[^']*'|"[^"]*"|[^\s'"\\])+)/g;
  for (const [word] of text.matchAll(pattern)) {
    words.push(word.replace(/\\(.)|'([^']*)'|"([^"]*)"/g, (_m, a, b, c) => a ?? b ?? c ?? ""));
  }
  return words;
}
function render(bytes) {
  const lines = [""];
  let column = 0;
  const text = Buffer.from(bytes).toString("latin1");
  for (const [, csi, key, plain] of text.matchAll(/\x1b\[([0-9;]*)([A-Za-z])|([\s\S])/g)) {
    const at = lines.length - 1;
    if (key === "D") column = Math.max(0, column - 1);
    else if (key === "C") column++;
    else if (key === "K") lines[at] = lines[at].slice(0, column);
    else if (key !== void 0) lines[at] += `<CSI ${csi}${key}>`;
    else if (plain === "\r") column = 0;
    else if (plain === "\n") {
      lines.push("");
      column = 0;
    } else if (plain === "\x07") continue;
    else {
      lines[at] = lines[at].slice(0, column).padEnd(column) + plain + lines[at].slice(column + 1);
      column++;
    }
  }
  return Buffer.from(lines.join("\n"), "latin1").toString("utf8");
}

// test/support/emulator.ts
var LAUNCHER = join2("/work/wt/hmp/test/support", "../../bin/tinamou");
var IMAGE_TOOL = join2("/work/wt/hmp/test/support", "../../bin/tinamou-img");
var PROGRAM = "qemu-system-x86_64";
var Workshop = class {
  folder = mkdtempSync(join2(tmpdir(), "tinamou-"));
  program = join2(this.folder, PROGRAM);
  constructor() {
    symlinkSync(LAUNCHER, this.program);
  }
  /** Runs `argv` with `input` on a pipe, to its end. */
  run(argv, input = "", timeoutMs = 2e4) {
    return new Promise((resolve) => {
      const child = spawn(this.program, argv, { cwd: this.folder });
      const out = [];
      let stderr = "";
      const timer = setTimeout(() => child.kill("SIGTERM"), timeoutMs);
      child.stdout.on("data", (chunk) => out.push(chunk));
      child.stderr.on("data", (chunk) => {
        stderr += chunk.toString();
      });
      child.on("close", (status) => {
        clearTimeout(timer);
        const stdout = Buffer.concat(out);
        resolve({ stdout, stderr, status, text: render(stdout) });
      });
      child.stdin.on("error", () => {
      });
      child.stdin.write(input);
    });
  }
  /** Runs until it ends by itself, or for `ms`, when it is told to end. */
  runFor(argv, ms) {
    return this.run(argv, "", ms);
  }
  imageTool(...argv) {
    const done = spawnSync(IMAGE_TOOL, argv, { cwd: this.folder, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`tinamou-img ${argv.join(" ")}: ${done.stderr}`);
  }
  close() {
    rmSync(this.folder, { recursive: true });
  }
};

// test/support/encrypted-images.ts
import { truncateSync, writeFileSync } from "node:fs";
import { join as join3 } from "node:path";
import { expect } from "vitest";
function makeImages(workshop) {
  for (const name of ["raw.img", "backing.img"]) {
    writeFileSync(join3(workshop.folder, name), "");
    truncateSync(join3(workshop.folder, name), 4 * 1024 * 1024);
  }
  writeFileSync(join3(workshop.folder, "garbage.bin"), "no image of any kind".repeat(200));
  const create = (name, options, format = "qcow2") => {
    const size = options.includes("backing_file") ? [] : ["4M"];
    const o = options === "" ? [] : ["-o", options];
    workshop.imageTool("create", "-q", "-f", format, ...o, name, ...size);
  };
  const over = (name, format) => `backing_file=${name},backing_fmt=${format}`;
  create("normal.qcow2", over("backing.img", "raw"));
  create("geheim.qcow2", `encryption=on,${over("backing.img", "raw")}`);
  create("enc.qcow2", "encryption=on");
  create("enc2.qcow2", "encryption=on");
  create("enc.qcow", "encryption=on", "qcow");
  create("plain.qcow2", "");
  create("overenc.qcow2", over("enc.qcow2", "qcow2"));
  create("encoverenc.qcow2", `encryption=on,${over("enc.qcow2", "qcow2")}`);
  create("overoverenc.qcow2", over("overenc.qcow2", "qcow2"));
}

// ../../../tmp/hmp/b02.mts
var w = new Workshop();
makeImages(w);
var ok = 0;
for (const block of golden("B02-option-errors").split(/^\$ /m).slice(1)) {
  const [command, ...lines] = block.split("\n");
  const rc = Number(/\[rc (\d+)\]/.exec(block)[1]);
  const of = (m) => lines.filter((l) => l.startsWith(`${m}: `)).map((l) => `${l.slice(3)}
`).join("");
  const want = `${of("o")}|${of("e").replace(/ from pid \d+/, "")}|${rc === 124 ? 0 : rc}`;
  const argv = shellWords(command).slice(1);
  const e = rc === 124 ? await w.run(argv, "", 1200) : await w.run(argv, "", 5e3);
  const got = `${e.text}|${e.stderr}|${e.status}`;
  if (process.argv[2] !== void 0 && !new RegExp(process.argv[2]).test(command)) continue;
  if (got === want) {
    ok++;
    continue;
  }
  console.log(`$ ${command}
--- ${want.replace(/^e.*WARN.*\n.*\n.*\n/m, "")}
+++ ${got}`);
}
console.log("ok", ok);
w.close();
process.exit(0);
