; Option ROM of the PCI VGA (1234:1111): INT 10h from the BIOS's own source, for firmware that has
; no video code and expects the card to bring it. Its only memory is the BIOS data area.
; Spec: PCI Firmware 3.0, section 5.1 (ROM header, PCIR); see ../bios/video.asm.
; Build: node roms/build.mjs.
        cpu 386
        bits 16
        org 0
ROM_SIZE        equ 36 * 1024
%include "bios/macros.inc"

        dw 0xaa55
        db ROM_SIZE / 512
        jmp short init
        times 0x18 - ($ - $$) db 0
        dw pcir, 0
        align 4, db 0
pcir:   db 'PCIR'
        dw 0x1234, 0x1111
        dw 0                    ; no vital product data
        dw 24                   ; length
        db 0                    ; revision
        db 0x00, 0x00, 0x03     ; class: VGA
        dw ROM_SIZE / 512
        dw 1                    ; revision of the code
        db 0                    ; for PCs
        db 0x80                 ; the last image
        dw 0

init:   pushad
        push ds
        push es
        xor ax, ax
        mov ds, ax
        mov word [0x10 * 4], int10
        mov [0x10 * 4 + 2], cs
        mov word [0x1f * 4], font8x8 + 128 * 8
        mov [0x1f * 4 + 2], cs
        mov word [0x43 * 4], font8x16
        mov [0x43 * 4 + 2], cs
        mov ax, 0x0003
        int 0x10
        pop es
        pop ds
        popad
        retf

%include "bios/video.asm"
        align 16, db 0
font8x16:
        incbin "font8x16.bin"
font8x14:
        incbin "font8x14.bin"
font8x8:
        incbin "font8x8.bin"
        times ROM_SIZE - ($ - $$) db 0
