/**
 * Every option of the emulator: its name, whether it takes an argument, and its help, in the order
 * and words of `-h`. Parser, help and documentation read this table.
 */

export interface OptionRow {
  /** Without the dash. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** The names are options of their own that share the help text. */
  readonly distinct?: boolean;
  readonly argument: boolean;
  /** Lines, each with its line end. */
  readonly help: string;
}

export interface OptionSection {
  readonly title: string;
  readonly rows: readonly OptionRow[];
}

/** Continuation lines of help start in this column. */
const INDENT = ' '.repeat(16);

/** `head` is the option as typed; what explains it follows behind it or below. */
function help(head: string, ...lines: readonly string[]): string {
  const [first, ...rest] = lines;
  const beside = head.length < 16 && !head.includes('\n');
  const opening = beside ? `${head.padEnd(16)}${first}\n` : `${head}\n${INDENT}${first}\n`;
  return opening + rest.map(line => `${INDENT}${line}\n`).join('');
}

function row(name: string, argument: boolean, text: string): OptionRow {
  return { name, argument, help: text };
}

const STANDARD: readonly OptionRow[] = [
  { ...row('h', false, help('-h or -help', 'display this help and exit')), aliases: ['help'] },
  row('version', false, help('-version', 'display version information and exit')),
  {
    ...row(
      'machine',
      true,
      help(
        '-machine [type=]name[,prop[=value][,...]]',
        "selects emulated machine ('-machine help' for list)",
      ),
    ),
    aliases: ['M'],
  },
  row('cpu', true, help('-cpu cpu', "select CPU ('-cpu help' for list)")),
  row(
    'smp',
    true,
    help('-smp n', "set the number of CPUs to 'n' [default=1]; this machine has one"),
  ),
  row(
    'global',
    true,
    '-global driver.property=value\n-global driver=driver,property=property,value=value\n' +
      `${INDENT}set a global default for a driver property\n`,
  ),
  row(
    'boot',
    true,
    help(
      '-boot [order=drives][,once=drives][,menu=on|off]\n' +
        '      [,splash=sp_name][,splash-time=sp_time][,reboot-timeout=rb_time][,strict=on|off]',
      "'drives': floppy (a), hard disk (c), CD-ROM (d), network (n)",
      "'sp_name': the file's name that would be passed to bios as logo picture, if menu=on",
      "'sp_time': the period that splash picture last if menu=on, unit is ms",
      "'rb_timeout': the timeout before guest reboot when boot failed, unit is ms",
    ),
  ),
  row(
    'm',
    true,
    help(
      '-m [size=]megs[,slots=n,maxmem=size]',
      'configure guest RAM',
      'size: initial amount of guest memory (default: 128MB)',
      'slots: number of hotplug slots (default: none)',
      'maxmem: maximum amount of guest memory (default: none)',
    ),
  ),
  row('k', true, help('-k language', "use keyboard layout (for example 'fr' for French)")),
  row(
    'device',
    true,
    help(
      '-device driver[,prop[=value][,...]]',
      'add device (based on driver)',
      'prop=value,... sets driver properties',
      "use '-device help' to print all possible drivers",
      "use '-device driver,help' to print all possible properties",
    ),
  ),
  row('name', true, help('-name string', 'set the name of the guest')),
  row('uuid', true, help('-uuid %08x-%04x-%04x-%04x-%012x', 'specify machine UUID')),
];

function drives(names: readonly string[], text: string): OptionRow {
  return { name: names[0], aliases: names.slice(1), distinct: true, argument: true, help: text };
}

const BLOCK: readonly OptionRow[] = [
  drives(['fda', 'fdb'], help('-fda/-fdb file', "use 'file' as floppy disk 0/1 image")),
  drives(['hda', 'hdb'], help('-hda/-hdb file', "use 'file' as IDE hard disk 0/1 image")),
  drives(['hdc', 'hdd'], help('-hdc/-hdd file', "use 'file' as IDE hard disk 2/3 image")),
  row('cdrom', true, help('-cdrom file', "use 'file' as IDE cdrom image (cdrom is ide1 master)")),
  row(
    'drive',
    true,
    help(
      '-drive [file=file][,if=type][,bus=n][,unit=m][,media=d][,index=i]\n' +
        '       [,cyls=c,heads=h,secs=s[,trans=t]][,snapshot=on|off]\n' +
        '       [,cache=writethrough|writeback|none|directsync|unsafe][,format=f]\n' +
        '       [,serial=s][,addr=A][,rerror=ignore|stop|report]\n' +
        '       [,werror=ignore|stop|report|enospc][,id=name][,aio=threads|native]\n' +
        '       [,readonly=on|off][,copy-on-read=on|off]\n' +
        '       [,discard=ignore|unmap][,detect-zeroes=on|off|unmap]\n' +
        '       [[,bps=b]|[[,bps_rd=r][,bps_wr=w]]]\n' +
        '       [[,iops=i]|[[,iops_rd=r][,iops_wr=w]]]',
      "use 'file' as a drive image",
    ),
  ),
  row('mtdblock', true, help('-mtdblock file', "use 'file' as on-board Flash memory image")),
  row('sd', true, help('-sd file', "use 'file' as SecureDigital card image")),
  row('pflash', true, help('-pflash file', "use 'file' as a parallel flash image")),
  row('snapshot', false, help('-snapshot', 'write to temporary files instead of disk image files')),
];

const USB: readonly OptionRow[] = [
  row('usb', false, help('-usb', 'enable the USB driver (will be the default soon)')),
  row('usbdevice', true, help('-usbdevice name', "add the host or guest USB device 'name'")),
];

const DISPLAY: readonly OptionRow[] = [
  row(
    'display',
    true,
    `-display none|curses\n${INDENT}select display type; curses draws in this terminal\n`,
  ),
  row('curses', false, help('-curses', 'shorthand for -display curses')),
  row(
    'nographic',
    false,
    help('-nographic', 'disable graphical output and redirect serial I/Os to console'),
  ),
  row('vga', true, help('-vga [std|none]', 'select video card type')),
  row('vnc', true, help('-vnc display', 'start a VNC server on display: not in this build')),
];

const NETWORK: readonly OptionRow[] = [
  row('net', true, help('-net none', 'use no network')),
  row('netdev', true, help('-netdev none', 'use no network')),
];

const CHARDEV: readonly OptionRow[] = [
  row(
    'chardev',
    true,
    '-chardev null,id=id[,mux=on|off]\n' +
      '-chardev socket,id=id[,host=host],port=port[,to=to][,ipv4][,ipv6][,nodelay][,reconnect=' +
      'seconds]\n         [,server][,nowait][,telnet][,reconnect=seconds][,mux=on|off] (tcp)\n' +
      '-chardev socket,id=id,path=path[,server][,nowait][,telnet][,reconnect=seconds]' +
      '[,mux=on|off] (unix)\n' +
      '-chardev udp,id=id[,host=host],port=port[,localaddr=localaddr][,localport=localport]' +
      '[,mux=on|off]\n' +
      '-chardev vc,id=id[,mux=on|off]\n' +
      '-chardev ringbuf,id=id[,size=size]\n' +
      '-chardev pty,id=id[,mux=on|off]\n' +
      '-chardev file,id=id,path=path[,mux=on|off]\n' +
      '-chardev pipe,id=id,path=path[,mux=on|off]\n' +
      '-chardev stdio,id=id[,mux=on|off][,signal=on|off]\n',
  ),
];

const BOOT: readonly OptionRow[] = [
  row('kernel', true, help('-kernel bzImage', "use 'bzImage' as kernel image")),
  row('append', true, help('-append cmdline', "use 'cmdline' as kernel command line")),
  row('initrd', true, help('-initrd file', "use 'file' as initial ram disk")),
];

const DEBUG: readonly OptionRow[] = [
  row('serial', true, help('-serial dev', "redirect the serial port to char device 'dev'")),
  row('parallel', true, help('-parallel dev', "redirect the parallel port to char device 'dev'")),
  row('monitor', true, help('-monitor dev', "redirect the monitor to char device 'dev'")),
  row('qmp', true, help('-qmp dev', "like -monitor but opens in 'control' mode")),
  row('qmp-pretty', true, help('-qmp-pretty dev', 'like -qmp but uses pretty JSON formatting')),
  row('mon', true, '-mon [chardev=]name[,mode=readline|control][,default]\n'),
  row('debugcon', true, help('-debugcon dev', "redirect the debug console to char device 'dev'")),
  row('pidfile', true, help('-pidfile file', "write PID to 'file'")),
  row('singlestep', false, help('-singlestep', 'always run in singlestep mode')),
  row('S', false, help('-S', "freeze CPU at startup (use 'c' to start execution)")),
  row('gdb', true, help('-gdb dev', "wait for gdb connection on 'dev'")),
  row('s', false, help('-s', 'shorthand for -gdb tcp::1234')),
  row(
    'd',
    true,
    help(
      '-d item1,...',
      "enable logging of specified items (use '-d help' for a list of log items)",
    ),
  ),
  row('D', true, help('-D logfile', 'output log to logfile (default stderr)')),
  row('L', true, help('-L path', 'set the directory for the BIOS, VGA BIOS and keymaps')),
  row('bios', true, help('-bios file', 'set the filename for the BIOS')),
  row(
    'enable-kvm',
    false,
    help('-enable-kvm', 'enable KVM full virtualization support: not in this build'),
  ),
  row('no-reboot', false, help('-no-reboot', 'exit instead of rebooting')),
  row('no-shutdown', false, help('-no-shutdown', 'stop before shutdown')),
  row(
    'loadvm',
    true,
    help('-loadvm [tag|id]', 'start right away with a saved state (loadvm in monitor)'),
  ),
  row('incoming', true, help('-incoming p', 'prepare for incoming migration, listen on port p')),
  row(
    'rtc',
    true,
    help(
      '-rtc [base=utc|localtime|date][,clock=host|rt|vm][,driftfix=none|slew]',
      'set the RTC base and clock, enable drift fix for clock ticks (x86 only)',
    ),
  ),
  row(
    'icount',
    true,
    help(
      '-icount [shift=N|auto][,align=on|off]',
      'enable virtual instruction counter with 2^N clock ticks per',
      'instruction, and enable aligning the host and virtual clocks',
    ),
  ),
  row('watchdog', true, help('-watchdog model', 'enable virtual hardware watchdog [default=none]')),
  row(
    'watchdog-action',
    true,
    '-watchdog-action reset|shutdown|poweroff|pause|debug|none\n' +
      `${INDENT}action when watchdog fires [default=reset]\n`,
  ),
  row('option-rom', true, help('-option-rom rom', 'load a file, rom, into the option ROM space')),
  row(
    'object',
    true,
    help(
      '-object TYPENAME[,PROP1=VALUE1,...]',
      'create a new object of type TYPENAME setting properties',
      "in the order they are specified.  Note that the 'id'",
      'property must be set.  These objects are placed in the',
      "'/objects' path.",
    ),
  ),
  row('readconfig', true, '-readconfig <file>\n'),
  row('nodefaults', false, help('-nodefaults', "don't create default devices")),
  row('nodefconfig', false, help('-nodefconfig', 'do not load default config files at startup')),
  row(
    'no-user-config',
    false,
    help('-no-user-config', 'do not load user-provided config files at startup'),
  ),
  row(
    'compat',
    true,
    help(
      '-compat encrypted-images=refuse|legacy',
      "'refuse' opens encrypted images in the image tool only [default];",
      "'legacy' opens them here and asks for passwords in the monitor",
    ),
  ),
  row('demo', false, help('-demo', 'boot the built-in demo disk and show its screen here')),
];

export const OPTION_SECTIONS: readonly OptionSection[] = [
  { title: 'Standard options', rows: STANDARD },
  { title: 'Block device options', rows: BLOCK },
  { title: 'USB options', rows: USB },
  { title: 'Display options', rows: DISPLAY },
  { title: 'Network options', rows: NETWORK },
  { title: 'Character device options', rows: CHARDEV },
  { title: 'Linux/Multiboot boot specific', rows: BOOT },
  { title: 'Debug/Expert options', rows: DEBUG },
];
