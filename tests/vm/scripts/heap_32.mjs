// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
// Load modules of the compiled firmware in a 32-bit MicroPython and print what each keeps: `heap_32.mjs FOLDER MODULE,MODULE...`.
// Prints `BYTES MODULE` for each, and the interpreter's own lines about its names, for which it has room beforehand: what they take on a
// board the test computes. What a board has in its image (machine, network, binascii...) is an object that is everything: it must not count.
import fs from "node:fs";
import path from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

const [root, modules] = process.argv.slice(2);
const lines = [];
const mp = await loadMicroPython({ heapsize: 1 << 21, linebuffer: true, stdout: (line) => lines.push(line) });

function copy(from, to) {
  mp.FS.mkdirTree(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    if (entry.isDirectory()) copy(source, `${to}/${entry.name}`);
    else if (entry.name.endsWith(".mpy")) mp.FS.writeFile(`${to}/${entry.name}`, fs.readFileSync(source));
  }
}
copy(root, "/firmware");
mp.FS.chdir("/firmware"); // a board finds its modules by the same names
mp.runPython(`
import asyncio, gc, micropython, random, sys
class A:
    def __getattr__(self, _): return A()
    def __call__(self, *_, **k): return A()
for n in "machine network esp32 cryptolib socket binascii hashlib".split(): sys.modules[n] = A()
sys.path.insert(0, "")
for i in range(1300): hasattr(gc, "%%%d" % i)
`);

// This interpreter collects what is free only between two calls from JavaScript.
function bytesAfter(code) {
  for (const each of [code, "gc.collect()", "gc.collect()", "print(gc.mem_alloc())"]) mp.runPython(each);
  return Number(lines.at(-1));
}

mp.runPython("micropython.qstr_info()");
console.log(lines.at(-1));
let before = bytesAfter("");
for (const name of modules.split(",")) {
  const after = bytesAfter(`__import__("${name}")`);
  console.log(`${after - before} ${name}`);
  before = after;
}
lines.length = 0;
mp.runPython("micropython.qstr_info(1)");
for (const line of lines) console.log(line);
