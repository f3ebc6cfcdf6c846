import { expect, test } from 'vitest';
import { type InputDevice, InputRouter } from '../../../src/hw/input/router.ts';

function board(): { router: InputRouter; heard: string[]; mouse: InputDevice } {
  const router = new InputRouter();
  const heard: string[] = [];
  const pointer = (inputName: string): InputDevice => ({
    inputName,
    move: (dx, dy) => heard.push(`${inputName} ${dx} ${dy}`),
    turnWheel: dz => heard.push(`${inputName} wheel ${dz}`),
    setButtons: buttons => heard.push(`${inputName} buttons ${buttons}`),
  });
  const mouse = pointer('usb');
  router.add({ inputName: 'keyboard', key: name => heard.push(name) });
  router.add(pointer('ps2'));
  router.add(mouse);
  return { router, heard, mouse };
}

const list = (router: InputRouter): string[] =>
  router.mice().map(({ index, name, isCurrent }) => `${isCurrent ? '*' : ' '}${index} ${name}`);

test('mice are listed with the current one last, as recorded', () => {
  const { router } = board();
  expect(list(router)).toEqual([' 3 usb', '*2 ps2']);
  expect(router.choose(2)).toBe(true);
  expect(router.choose(3)).toBe(true);
  expect(list(router)).toEqual([' 2 ps2', '*3 usb']);
  expect([router.choose(1), router.choose(9)]).toEqual([false, false]);
});

test('an event goes to the device preferred for its kind only', () => {
  const { router, heard, mouse } = board();
  router.move(1, 2);
  router.prefer(mouse);
  router.move(3, 4);
  router.button(1, true);
  router.button(4, true);
  router.button(1, false);
  router.turnWheel(-1);
  router.moveTo('x', 5);
  router.key('a', 'press');
  expect(heard).toEqual([
    ...['ps2 1 2', 'usb 3 4', 'usb buttons 1', 'usb buttons 5', 'usb buttons 4', 'usb wheel -1'],
    'a',
  ]);
});

test('who is gone hears nothing; who is new gets a new number', () => {
  const { router, heard, mouse } = board();
  router.prefer(mouse);
  router.remove(mouse);
  router.move(1, 1);
  router.add(mouse);
  expect(heard).toEqual(['ps2 1 1']);
  expect(list(router)).toEqual([' 4 usb', '*2 ps2']);
});

test('the order is saved and loaded, and a reset leaves it', () => {
  const { router, mouse } = board();
  router.prefer(mouse);
  const other = board().router;
  other.load(router.save());
  other.reset();
  expect(list(other)).toEqual([' 2 ps2', '*3 usb']);
});
