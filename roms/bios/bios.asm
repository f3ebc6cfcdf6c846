; tinamou BIOS: a 64 KiB firmware for the i440FX/PIIX PC.
; The image is one real-mode segment, F000h. POST copies it into shadow RAM, so variables can live
; in the segment itself (vars.inc). The entry points that programs jump to directly stand at their
; addresses of the IBM PC AT.
; Build: node roms/build.mjs.
        cpu 686                 ; beyond 386: BSWAP, and what CPUID announces
        bits 16
        org 0
%define MIRROR
%include "macros.inc"
%include "vars.inc"
        times 0x1000 db 0       ; variables
        times FSEG_FREE_END - 0x1000 db 0
%include "pm.asm"
%include "cpu.asm"
%include "fwcfg.asm"
%include "memory.asm"
%include "pci.asm"
%include "acpi.asm"
%include "print.asm"
%include "bios/video.asm"
%include "mirror.asm"
%include "serial.asm"
%include "keyboard.asm"
%include "disk.asm"
%include "virtio.asm"
%include "cdrom.asm"
%include "eltorito.asm"
%include "diskette.asm"
%include "usb.asm"
%include "usb-disk.asm"
%include "usb-keyboard.asm"
%include "int15.asm"
%include "apm.asm"
%include "time.asm"
%include "boot.asm"
%include "boot-menu.asm"
%include "post.asm"
        align 16
font8x16:
        incbin "font8x16.bin"
font8x14:
        incbin "font8x14.bin"
font8x8:
        incbin "font8x8.bin"
%include "entries.inc"
