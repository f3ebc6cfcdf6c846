/**
 * The board's devices as objects: what `info qtree` shows, at the paths that QEMU gives them.
 *
 * Not there: memory regions, interrupt pins and the machine's own options.
 */

import { type QomObject, type QomProperty, qomChild, qomObject } from '../../qom.ts';
import { deviceModel, type PropertyModel, propertiesOf } from '../catalog.ts';
import type { QdevBus, QdevInfo } from '../device.ts';
import type { Mc146818 } from '../timer/mc146818.ts';

/** Devices whose place has a name of its own. */
const NAMED: { readonly [type: string]: string } = {
  'i440FX-pcihost': 'i440fx',
  fw_cfg_io: 'fw_cfg',
  'icc-bridge': 'icc-bridge',
};

export const MACHINE_TYPE = 'pc-i440fx-2.3-machine';

/** Property types as objects have them: references are by name. */
export function propertyType({ type }: PropertyModel): string {
  if (type === 'drive' || type === 'chr') return 'str';
  return type === 'pci-devfn' ? 'int32' : type;
}

export function machineObject(tree: QdevBus, rtc: Pick<Mc146818, 'time'>): QomObject {
  const places = new Places();
  const children = tree.children.map(device => places.device(device, ''));
  const named = children.filter(({ name }) => name !== '');
  const time: QomProperty = { name: 'rtc-time', type: 'struct tm', value: () => timeOf(rtc) };
  return qomObject(MACHINE_TYPE, [
    qomChild('peripheral-anon', container(places.anonymous)),
    qomChild('peripheral', container(places.withId)),
    qomChild('unattached', container(places.unattached)),
    ...named,
    time,
  ]);
}

function container(children: readonly QomProperty[]): QomObject {
  return qomObject('container', children);
}

function timeOf(rtc: Pick<Mc146818, 'time'>) {
  const { year, month, day, hours, minutes, seconds } = rtc.time();
  return {
    tm_year: year - 1900,
    tm_mon: month - 1,
    tm_mday: day,
    tm_hour: hours,
    tm_min: minutes,
    tm_sec: seconds,
  };
}

/** Sorts devices into the machine's containers while it walks their tree. */
class Places {
  readonly anonymous: QomProperty[] = [];
  readonly withId: QomProperty[] = [];
  readonly unattached: QomProperty[] = [];

  /** As the property of its parent; the name is empty for those in containers. */
  device(device: QdevInfo, bus: string): QomProperty {
    const { type, id, path = '' } = device;
    const buses = (device.buses ?? []).map(item => this.bus(item));
    const object = deviceObject(device, bus, buses);
    if (Object.hasOwn(NAMED, type)) return qomChild(NAMED[type], object);
    const last = path.slice(path.lastIndexOf('/') + 1);
    if (id !== undefined) this.withId.push(qomChild(id, object));
    else if (path.startsWith('/machine/peripheral-anon/')) {
      this.anonymous.push(qomChild(last, object));
    } else if (path.startsWith('/machine/unattached/')) {
      this.unattached.push(qomChild(last, object));
    } else if (path !== '') return qomChild(last, object);
    else this.unattached.push(qomChild(`device[${this.unattached.length}]`, object));
    return { name: '', type: '' };
  }

  private bus({ name, type, children }: QdevBus): QomProperty {
    const inside = children.map(child => this.device(child, name)).filter(p => p.name !== '');
    return qomChild(name, qomObject(type, inside));
  }
}

function deviceObject(
  { type, values = {} }: QdevInfo,
  bus: string,
  buses: readonly QomProperty[],
): QomObject {
  const model = deviceModel(type);
  const own = model === undefined ? [] : propertiesOf(model);
  const asProperty = (property: PropertyModel): QomProperty => {
    const value = values[property.name] ?? property.initial;
    return {
      name: property.name,
      type: propertyType(property),
      value: () => (typeof value === 'bigint' ? Number(value) : value),
    };
  };
  const flag = (name: string, value: boolean): QomProperty => ({
    name,
    type: 'bool',
    value: () => value,
  });
  return qomObject(type, [
    flag('realized', true),
    flag('hotpluggable', bus.startsWith('usb-bus')),
    flag('hotplugged', false),
    ...own.filter(({ hidden }) => hidden !== true).map(asProperty),
    ...(bus === '' ? [] : [{ name: 'parent_bus', type: 'link<bus>' }]),
    ...own.filter(({ hidden }) => hidden === true).map(asProperty),
    ...buses,
  ]);
}
