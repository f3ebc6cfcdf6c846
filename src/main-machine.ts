/**
 * From the command line's settings to a machine: what is loaded only when the first prompt stands.
 */

import type { Clock } from './clock.ts';
import { located } from './command-line.ts';
import { findModel, modelSignature } from './cpu/models.ts';
import type { Events } from './events.ts';
import { compileBeside, compileSoon, isCompiled } from './host-engine.ts';
import { localOffsetSeconds, printError, secondsSince1970 } from './host-main.ts';

import { ramBelow4g } from './hw/board/ram.ts';
import { bootOrderCmos } from './hw/timer/cmos.ts';
import type { Inbox } from './inbox.ts';
import type { Log } from './log.ts';
import { buildMachine, MAX_LOW_RAM, type PcMachine } from './machine-build.ts';
import type { CharTable } from './main-chars.ts';
import type { Config } from './main-config.ts';
import { addDevice, fitFloppies, fitIdeDrives, isHotPluggable, unaliased } from './main-devices.ts';
import { fitScsiDrives } from './main-devices-scsi.ts';
import { fitUnnamedHid, fitUsbDisk } from './main-devices-usb.ts';
import { fitVirtioDrives } from './main-devices-virtio.ts';
import type { DriveTable } from './main-drives.ts';
import { loadBoot, loadFirmware, loadVgaRom } from './main-files.ts';
import type { Fittings } from './main-fittings.ts';
import { HotPlug } from './main-hotplug.ts';
import { hidOfName } from './main-usb-names.ts';
import { checkBootOrder } from './monitor/commands/run.ts';
import { CommandLineError } from './options.ts';
import type { HostPace } from './pace.ts';

export { fitFlashes } from './main-flash.ts';
export { pcPanel } from './main-panel.ts';

/** With -icount and no -rtc base: the date of QEMU 2.2.50, so that runs repeat. */
const REPEATABLE_RTC_BASE = Date.UTC(2015, 2, 10) / 1000;

export interface Assembly {
  readonly config: Config;
  readonly parts: {
    readonly clock: Clock;
    readonly inbox: Inbox;
    readonly events: Events;
    readonly log: Log;
    readonly host: HostPace;
  };
  readonly fittings: Fittings;
  readonly chars: CharTable;
  readonly drives: DriveTable;
}

/** Throws CommandLineError for what the user must mend. */
export function assemble({ config, parts, fittings, chars, drives }: Assembly): PcMachine {
  const model = located(undefined, () => findModel(config.cpuModel));
  const lasting = config.boot?.get('order') ?? 'cad';
  const order = config.boot?.get('once') ?? lasting;
  located(undefined, () => {
    for (const bootOrder of [order, lasting]) {
      checkBootOrder(bootOrder);
      bootOrderCmos({ bootOrder });
    }
  });
  if (ramBelow4g(config.ramSize) > MAX_LOW_RAM) {
    const why = "cannot set up guest memory 'pc.ram': Cannot allocate memory";
    throw new CommandLineError(why, undefined);
  }
  const firmware = loadFirmware(config);
  const hasVga = config.vga === undefined ? config.hasDefaults : config.vga === 'std';
  fitIdeDrives(drives, fittings);
  fitFloppies(drives, fittings);
  // The display is in its slot before the user's devices.
  if (hasVga) fittings.freeSlots.shift();
  fitScsiDrives(drives, fittings);
  fitUsbDevices(config, drives, fittings);
  for (const request of config.devices) addDevice(request, { fittings, chars, drives });
  fitVirtioDrives(drives, fittings);
  const { warnings, ...boot } = loadBoot(config, ramBelow4g(config.ramSize));
  for (const warning of warnings) printError(`${warning}\n`);
  const machine = buildMachine({
    ...parts,
    paceMode: config.pace,
    rebootEnds: config.rebootEnds,
    shutdownEnds: config.shutdownEnds,
    model,
    engine: { compileBeside, compileSoon, isCompiled },
    complain: printError,
    board: {
      ramSize: config.ramSize,
      firmware,
      ...boot,
      ...fittings,
      ...(hasVga ? { vga: { rom: loadVgaRom(config) } } : {}),
      ...(config.hasUuid ? { uuid: uuidBytes(config.uuid) } : {}),
      cpuid: { signature: modelSignature(model), features: model.words[0] },
      cpuModel: model.name,
      hasSmm: true,
      boot: bootOptions(config, order),
      rtcBase: rtcBase(config),
      nographic: config.isNographic,
    },
  });
  if (order !== lasting) restoreBootOrder(machine, lasting);
  return machine;
}

/** `-usbdevice`: disks are open by now. */
function fitUsbDevices(config: Config, { usbDisks }: DriveTable, fittings: Fittings): void {
  let disks = 0;
  for (const { text } of config.usbDevices) {
    const hid = hidOfName(text);
    if (hid === undefined) fitUsbDisk(usbDisks[disks++], fittings);
    else fitUnnamedHid(hid, fittings);
  }
}

/** What plugs devices into a machine that is there. */
export function hotPlug({ board, events }: PcMachine, assembly: Assembly): HotPlug {
  const { config, chars, drives, fittings } = assembly;
  const fixed = config.devices.flatMap(({ list }) => {
    const driver = unaliased(list.get('driver')) ?? '';
    return list.id === undefined || isHotPluggable(driver) ? [] : [[list.id, driver] as const];
  });
  const { usb, slots, virtio, scsi } = board;
  return new HotPlug({
    usb,
    slots,
    virtio,
    scsi,
    drives,
    chars,
    events,
    fixed: new Map(fixed),
    counts: fittings,
  });
}

/** `-boot once=` ends with the first reset. */
function restoreBootOrder(machine: PcMachine, bootOrder: string): void {
  const stop = machine.events.listen(({ name }) => {
    if (name !== 'RESET') return;
    stop();
    machine.board.rtc.setCmos(bootOrderCmos({ bootOrder }));
  });
}

function bootOptions({ boot }: Config, order: string) {
  const number = (key: string): number | undefined => {
    const text = boot?.get(key);
    return text === undefined ? undefined : Number.parseInt(text, 10) || 0;
  };
  const wait = number('reboot-timeout');
  return {
    order,
    menu: boot?.bool('menu') ?? false,
    strict: boot?.bool('strict') ?? false,
    splashTime: number('splash-time'),
    rebootTimeout: wait === undefined || wait < 0 ? undefined : Math.min(wait, 0xffff),
  };
}

function rtcBase({ rtc, pace }: Config): number {
  if (typeof rtc.base === 'number') return rtc.base;
  const now = pace.kind === 'counted' ? REPEATABLE_RTC_BASE : secondsSince1970();
  return rtc.base === 'utc' ? now : now + localOffsetSeconds();
}

function uuidBytes(uuid: string): Uint8Array {
  const digits = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, i) =>
    Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16),
  );
}
