/**
 * The emulator: from its arguments to a machine and its monitors, and from there to an exit status.
 *
 * The order of what is opened is QEMU's, because users see it in messages: character devices,
 * drives, monitors (whose banners appear now), serial ports, then the machine and its devices.
 */

import type { Char } from './char.ts';
import { parseCharShorthand, readCharOptions } from './chardev-spec.ts';
import { Clock } from './clock.ts';
import { helpText, located } from './command-line.ts';
import { HostError } from './disk-host.ts';
import { UserError } from './error.ts';
import { Events } from './events.ts';
import { guardProgram } from './host-crash.ts';
import { handOverLocks } from './host-lock.ts';
import {
  completePath,
  exit,
  isTerminal,
  millisecondsSinceStart,
  nextTurn,
  onTermination,
  openLog,
  packagePath,
  printError,
  printOut,
  processId,
  programArguments,
  programName,
  readConfigText,
  writeFile,
  writePidFile,
} from './host-main.ts';
import { after, HostTime, wallClock } from './host-time.ts';
import { Inbox } from './inbox.ts';
import { Log } from './log.ts';
import type { PcMachine } from './machine-build.ts';
import { CharTable } from './main-chars.ts';
import {
  bareError,
  type CharRequest,
  type Config,
  LogHelp,
  type MonitorRequest,
  readConfig,
} from './main-config.ts';
import { MACHINES } from './main-config-groups.ts';
import { DriveMonitor } from './main-drive-monitor.ts';
import { DriveTable } from './main-drives.ts';
import { type Fittings, noFittings } from './main-fittings.ts';
import { watchDrives } from './main-io-errors.ts';
import { createMigration, receiveMachine, takeDrivesBack } from './main-migration.ts';
import { DriveNbdServer } from './main-nbd.ts';
import { commandsFor } from './monitor/commands/all.ts';
import { CHARDEV_GROUP } from './monitor/commands/chardev.ts';
import type { DumpDefaults } from './monitor/hmp/argument-types.ts';
import { runForText } from './monitor/hmp/bare.ts';
import type { HumanWorld } from './monitor/hmp/command.ts';
import { hmpCommandsFor } from './monitor/hmp/commands.ts';
import { HmpConsole } from './monitor/hmp/human-monitor.ts';
import { UserObjects } from './monitor/objects.ts';
import { EventLimits } from './monitor/qmp/event-limits.ts';
import { QmpServer } from './monitor/qmp/server.ts';
import { Session } from './monitor/session.ts';
import { QEMU_VERSION_TEXT } from './monitor/version.ts';
import type { Vm } from './monitor/vm.ts';
import { CommandLineError, parseOptions } from './options.ts';
import type { RunState } from './run-state.ts';

const VERSION = `QEMU emulator version ${QEMU_VERSION_TEXT} (tinamou 0.1.0)`;

/** In other states a guest may be using what it would then read as noise. */
const MAY_OPEN_ENCRYPTED: readonly RunState[] = ['prelaunch', 'inmigrate', 'paused'];

/** One run of the program. */
class Program {
  private readonly clock = new Clock();
  private readonly inbox = new Inbox(this.clock);
  private readonly events = new Events();
  private readonly limits = new EventLimits(this.events, { wallClock, after });
  private readonly log = new Log();
  private readonly host = new HostTime();
  private readonly sleep = (ms: number): Promise<void> => this.host.sleepAside(ms);
  private readonly chars: CharTable;
  private readonly drives: DriveTable;
  private machine: PcMachine | undefined;
  private monitorCount = 0;
  private hasShutDown = false;
  private closeDrives: () => Promise<void> = async () => {};
  private readonly vm: Vm;

  constructor(
    private readonly name: string,
    private readonly config: Config,
  ) {
    this.chars = new CharTable({
      post: deliver => this.inbox.post(deliver),
      interrupt: () => this.inbox.post(() => this.terminate(2)),
      terminate: () => this.end(),
      commitAll: () => void this.commitAll(),
      nowMs: millisecondsSinceStart,
    });
    this.drives = new DriveTable(
      name,
      printError,
      () => MAY_OPEN_ENCRYPTED.includes(this.machine?.runState ?? 'prelaunch'),
      this.events,
    );
    this.drives.tell = text => printOut(`${text}\n`);
    this.vm = this.createVm();
    this.events.listen(({ name: event }) => {
      if (event === 'SHUTDOWN') this.hasShutDown = true;
    });
    onTermination(signal => this.terminate(signal));
  }

  async run(): Promise<number> {
    const { config } = this;
    if (config.pidFile !== undefined) writePidFile(config.pidFile);
    this.setUpLog();
    this.addObjects();
    this.addDefaultChars();
    for (const { list, location } of config.chardevs) await this.openChardev(list, location);
    for (const request of config.monitors) await this.openMonitor(request);
    if (config.isDemo) config.drives.push(demoDrive());
    if (config.incoming !== undefined) handOverLocks();
    await this.drives.openAll(config);
    this.connectMonitors();
    const fittings = await this.openPorts();
    await this.drives.openUsbDisks(config.usbDevices);
    const machine = await this.build(fittings);
    this.machine = machine;
    this.drives.onKey = drive => machine.board.usb?.attachDrive(drive);
    this.drives.warnOrphans();
    this.chars.announceShared();
    await this.openDisplay(machine);
    watchDrives(this.drives, machine);
    const { drives, sleep } = this;
    const receiver = { machine, drives, sleep, report: (line: string) => this.report(line) };
    machine.beforeCont = () => {
      takeDrivesBack(receiver);
      this.drives.checkKeys();
    };
    // A missing password, or a snapshot that cannot be loaded: the machine waits for `cont`.
    const hasKeys = this.drives.missingKeys().length === 0;
    const isLoaded = config.loadvm === undefined || (await this.loadSnapshot(config.loadvm));
    const runs = config.startsRunning && hasKeys && isLoaded;
    if (config.incoming !== undefined) {
      machine.runsAfterIncoming = runs;
      await receiveMachine(receiver, config.incoming);
    } else if (runs) machine.cont();
    const status = await machine.power();
    if (config.showsHash) {
      const { instructions } = machine.cpu;
      printError(`state hash ${machine.stateHash()} after ${instructions} instructions\n`);
    }
    if (!this.hasShutDown) this.events.emit('SHUTDOWN');
    await this.drives.finish(() => machine.board.finish());
    await this.closeDrives();
    await this.chars.finish();
    return status;
  }

  /** `-loadvm`: what is wrong is told, and the program goes on. */
  private async loadSnapshot(name: string): Promise<boolean> {
    const { loadSnapshot } = await import('./monitor/commands/snapshots.ts');
    try {
      return await loadSnapshot(this.vm, name);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.report(error.message);
      return false;
    }
  }

  private report(lines: string): void {
    for (const line of lines.split('\n')) printError(`${this.name}: ${line}\n`);
  }

  /** The screen in this terminal, where there is a screen and the terminal is free. */
  private async openDisplay(machine: PcMachine): Promise<void> {
    const { config } = this;
    const isPossible = machine.board.vga !== undefined && !this.chars.usesStdio;
    if (config.display === 'none' || (config.display === 'default' && !isPossible)) return;
    if (isTerminal(1)) {
      if (this.chars.usesStdio) throw bareError('curses: the terminal is in use');
      const { showInTerminal } = await import('./main-screen.ts');
      showInTerminal(machine, () => this.end());
    } else if (config.isDemo) {
      const { printWhenSettled } = await import('./main-screen.ts');
      printWhenSettled(machine, printOut, () => this.end());
    } else if (config.display === 'curses') throw bareError('curses: stdout is not a terminal');
  }

  private addObjects(): void {
    for (const { list, location } of this.config.objects) {
      const properties = list.pairs.filter(({ key }) => key !== 'qom-type' && key !== 'id');
      const texts = Object.fromEntries(properties.map(({ key, value }) => [key, value]));
      located(location, () => {
        this.vm.objects.addFromTexts(list.get('qom-type') ?? '', list.id ?? '', texts);
      });
    }
  }

  private setUpLog(): void {
    const { logItems, logFile } = this.config;
    this.log.enable(logItems);
    try {
      this.log.setSink(openLog(logFile));
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      throw bareError(`${logFile}: ${error.message}`);
    }
  }

  /** A serial port, a parallel port and a monitor, unless the user said otherwise. */
  private addDefaultChars(): void {
    const { config } = this;
    if (!config.hasDefaults) return;
    const hasSerial = config.devices.some(({ list }) => list.get('driver') === 'isa-serial');
    const wanted = (what: 'monitor' | 'serial' | 'parallel'): boolean =>
      !config.given.has(what) && !(what === 'serial' && hasSerial);
    const location = undefined;
    const monitor = { mode: 'readline', pretty: false, byId: false, location } as const;
    if (config.isNographic && wanted('serial') && wanted('monitor')) {
      config.serials.push({ text: 'mon:stdio', location });
    } else {
      const text = config.isNographic ? 'stdio' : 'vc';
      if (wanted('serial')) config.serials.push({ text, location });
      if (wanted('monitor')) config.monitors.push({ ...monitor, text });
    }
    if (wanted('parallel')) {
      config.parallels.push({ text: config.isNographic ? 'null' : 'vc', location });
    }
  }

  private async openChardev(
    list: Config['chardevs'][number]['list'],
    location: string,
  ): Promise<void> {
    const spec = located(location, () => {
      const checked = readCharOptions(list);
      parseOptions(list.toString(), CHARDEV_GROUP);
      return checked;
    });
    await this.openChar(list.id ?? '', spec, location);
  }

  private async openChar(
    label: string,
    spec: Parameters<CharTable['open']>[1],
    location: string | undefined,
  ): Promise<void> {
    try {
      await this.chars.open(label, spec);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new CommandLineError(error.message, location);
    }
  }

  private readonly monitorLabels = new Map<MonitorRequest, string>();

  private async openMonitor(request: MonitorRequest): Promise<void> {
    if (request.byId) {
      this.monitorLabels.set(request, request.text);
      return;
    }
    const label = `compat_monitor${this.monitorCount++}`;
    const spec = located(request.location, () => parseCharShorthand(request.text));
    if (spec === undefined) throw bareError(`parse error: ${request.text}`);
    this.monitorLabels.set(request, label);
    await this.openChar(label, spec, request.location);
  }

  private connectMonitors(): void {
    for (const [request, label] of this.monitorLabels) {
      const char = located(null, () => this.chars.frontend(label));
      if (char === undefined) throw bareError(`chardev "${label}" not found`);
      this.connectMonitor(char, request);
      this.chars.announce(char);
    }
  }

  private connectMonitor(char: Char, { mode, pretty }: Pick<MonitorRequest, 'mode' | 'pretty'>) {
    if (mode === 'control') {
      const { limits } = this;
      new QmpServer({ session: this.session(false), events: limits, char, pretty });
      return;
    }
    new HmpConsole({
      world: this.humanWorld(),
      char,
      version: QEMU_VERSION_TEXT,
      turn: nextTurn,
    });
  }

  private async openPorts(): Promise<Fittings> {
    const { config } = this;
    const fittings: Fittings = { ...noFittings(), usb: config.hasUsb };
    for (const [i, request] of config.serials.entries()) {
      fittings.serials.push(await this.openPort(`serial${i}`, request));
    }
    for (const [i, request] of config.parallels.entries()) {
      const char = await this.openPort(`parallel${i}`, request);
      if (char !== undefined) fittings.parallels.push(char);
    }
    if (config.debugcon !== undefined) {
      const char = await this.openPort('debugcon', config.debugcon);
      if (char !== undefined) fittings.debugcons.push({ port: 0xe9, char });
    }
    return fittings;
  }

  private async openPort(label: string, request: CharRequest): Promise<Char | undefined> {
    const { text, location } = request;
    if (text.startsWith('chardev:')) {
      const char = located(null, () => this.chars.frontend(text.slice(8)));
      if (char !== undefined) return char;
    }
    const spec = located(location, () => parseCharShorthand(text));
    if (spec === undefined) {
      const kind = label.replace(/[0-9]+$/, '');
      throw bareError(`qemu: could not connect ${kind} device to character backend '${text}'`);
    }
    await this.openChar(label, spec, location);
    if (text.startsWith('mon:')) {
      const monitor = this.chars.frontend(label);
      if (monitor !== undefined) this.connectMonitor(monitor, { mode: 'readline', pretty: false });
    }
    return this.chars.frontend(label);
  }

  /** Loaded only now: the first prompt does not wait for a processor's tables. */
  private async build(fittings: Fittings): Promise<PcMachine> {
    const { assemble, fitFlashes, hotPlug, pcPanel } = await import('./main-machine.ts');
    const { config, chars, drives, clock, inbox, events, log, host } = this;
    const parts = { clock, inbox, events, log, host };
    const assembly = { config, parts, fittings, chars, drives };
    await fitFlashes(this.drives, fittings);
    const machine = assemble(assembly);
    this.panel = pcPanel(machine);
    this.devices = hotPlug(machine, assembly);
    return machine;
  }

  private panel: Vm['panel'] | undefined;
  private devices: Vm['devices'] | undefined;

  private createVm(): Vm {
    const existing = <T>(part: T | undefined): T => {
      if (part === undefined) throw new Error('the machine exists while commands run');
      return part;
    };
    const parts = {
      machine: () => existing(this.machine),
      panel: () => existing(this.panel),
      devices: () => existing(this.devices),
    };
    const { events, log, chars, config } = this;
    const drives = new DriveMonitor(this.drives, { events, printOut, printError });
    this.closeDrives = () => drives.close();
    return {
      events,
      log,
      drives,
      chars,
      nbd: new DriveNbdServer(this.drives, deliver => this.inbox.post(deliver)),
      objects: new UserObjects(),
      migration: createMigration(parts.machine, this.drives, this.sleep),
      settings: {
        singlestep: config.singlestep,
        watchdogAction: config.watchdogAction,
        captures: [],
      },
      name: config.name,
      uuid: config.uuid,
      get machine() {
        return parts.machine();
      },
      get panel() {
        return parts.panel();
      },
      get devices() {
        return parts.devices();
      },
      host: {
        writeFile,
        breathe: nextTurn,
        completePath,
        setLogFile: path => log.setSink(openLog(path)),
        wallClock,
        after,
        threadId: processId,
      },
      human: line => runForText(this.humanWorld(), line, nextTurn),
    };
  }

  private readonly dumpDefaults: DumpDefaults = { letter: 'x', size: 4 };

  private humanWorld(): HumanWorld {
    const commands = hmpCommandsFor(this.config.encryptedImages);
    return { session: this.session(true), commands, defaults: this.dumpDefaults, printOut };
  }

  private session(internal: boolean): Session {
    return new Session(this.vm, commandsFor(this.config.encryptedImages), { internal });
  }

  /** C-a s: what cannot be committed stays as it is. */
  private async commitAll(): Promise<void> {
    try {
      await this.session(true).call('x-commit', { device: 'all' });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }

  private terminate(signal: number): void {
    printError(`qemu: terminating on signal ${signal}\n`);
    this.end();
  }

  private end(): void {
    // Before there is a machine nobody would serve the request.
    if (this.machine === undefined) exit(0);
    this.machine.quit(0);
  }
}

/** Changes to the built-in disk are forgotten. */
function demoDrive(): Config['drives'][number] {
  const file = packagePath('roms/demo/demo.img');
  const pairs = [
    ['file', file],
    ['format', 'raw'],
    ['snapshot', 'on'],
  ] as const;
  return { pairs, location: '-demo' };
}

async function answer(config: Config, program: string): Promise<string> {
  switch (config.answer) {
    case 'help':
      return helpText(program, VERSION);
    case 'machines': {
      const rows = MACHINES.map(([name, text]) => `${name.padEnd(20)} ${text}\n`);
      return `Supported machines are:\n${rows.join('')}`;
    }
    case 'cpus':
      return (await import('./cpu/models.ts')).modelHelpText();
    case 'devices': {
      const { deviceHelp, propertyHelp } = await import('./main-devices.ts');
      const driver = config.devices.at(-1)?.list.get('driver') ?? '';
      return propertyHelp(driver) ?? deviceHelp();
    }
    default:
      return `${VERSION}\n`;
  }
}

/** A place in a file begins with a colon and follows the program's name at once. */
function place(location: string | undefined): string {
  if (location === undefined) return '';
  return location.startsWith(':') ? `${location.slice(1)}:` : ` ${location}:`;
}

/** Every line that is ours has the program's name and the place before it. */
function report(program: string, error: CommandLineError): void {
  const { message, location, hint, consequence } = error;
  const prefix = location === null ? '' : `${program}:${place(location)} `;
  if (message !== '') printError(`${message.replace(/^/gm, () => prefix)}\n`);
  if (consequence !== undefined) printError(`${program}: ${consequence}\n`);
  if (hint !== undefined) printError(`${hint}\n`);
}

async function main(): Promise<number> {
  const program = programName();
  try {
    const config = readConfig(programArguments(), readConfigText);
    if (config.answer !== undefined) {
      printOut(await answer(config, program));
      return 0;
    }
    return await new Program(program, config).run();
  } catch (error) {
    if (error instanceof LogHelp) printOut(error.message);
    else if (error instanceof CommandLineError) report(program, error);
    else throw error;
    return 1;
  }
}

guardProgram(programName());
void main().then(exit);
