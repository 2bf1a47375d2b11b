// SPDX-FileCopyrightText: 2026 the startcity authors
// SPDX-License-Identifier: EUPL-1.2
// Run a script with the firmware's sources in a 32-bit MicroPython: `no_allocation_32.mjs FIRMWARE SCRIPT ARGUMENT...`; STARTCITY_SETTINGS
// is handed on. There is no board: what a script gets of `machine` and `esp32` does nothing, and touches no heap.
import fs from "node:fs";
import path from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

const [root, script, ...words] = process.argv.slice(2);
const mp = await loadMicroPython({ heapsize: 1 << 22, linebuffer: true, stdout: (line) => console.log(line) });

function copy(from, to) {
  mp.FS.mkdirTree(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    if (entry.isDirectory()) copy(source, `${to}/${entry.name}`);
    else if (entry.name.endsWith(".py")) mp.FS.writeFile(`${to}/${entry.name}`, fs.readFileSync(source));
  }
}
copy(root, "/firmware");
mp.FS.chdir("/firmware");
mp.FS.writeFile("/settings.json", process.env.STARTCITY_SETTINGS ?? "{}");
mp.runPython(`
import os, sys, time
sys.path.insert(0, "")
sys.argv[:] = ["script"] + ${JSON.stringify(words)}
class Nothing:
    IRQ_FALLING = IRQ_RISING = PERIODIC = 1
    def __init__(self, *_): pass
    def get_blob(self, *_): raise OSError(2)
class Module:
    Pin = Timer = NVS = Nothing
    disable_irq = lambda self: 0
    enable_irq = lambda self, state: None
for name in ("machine", "esp32"): sys.modules[name] = Module()
os.getenv = lambda name: open("/settings.json").read()
`);
try {
  mp.runPython(fs.readFileSync(script, "utf8"));
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
