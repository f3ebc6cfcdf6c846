; A boot sector that says Z on COM1 and gives up by INT 18h.
        bits 16
        org 0x7c00
        mov dx, 0x3f8
        mov al, 'Z'
        out dx, al
        int 0x18
        times 510 - ($ - $$) db 0
        dw 0xaa55
        times 1474560 - ($ - $$) db 0
