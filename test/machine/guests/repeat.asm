; A boot sector that uses whatever could differ between two runs: disk, timer, clock, interrupts,
; sleep. It mixes what it sees into memory at 8000h and leaves through isa-debug-exit at 501h.
; Built with: nasm -f bin repeat.asm -o repeat.bin

        bits 16
        org 0x7c00

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        sti
        mov bp, 12
again:  mov ax, 0x0204          ; four sectors to 9000h
        mov bx, 0x9000
        mov cx, 2
        mov dx, 0x80
        int 0x13
        adc [0x8000], ax
        mov si, 0x9000
        mov cx, 1024
sum:    lodsw
        rol word [0x8002], 3
        xor [0x8002], ax
        loop sum
        hlt
        mov al, 0
        out 0x43, al
        in al, 0x40
        add [0x8004], al
        in al, 0x40
        add [0x8005], al
        mov ah, 2
        int 0x1a
        add [0x8006], dx
        mov ah, 0
        int 0x1a
        add [0x8008], dx
        dec bp
        jnz again
        mov ax, 0x0301          ; one sector back
        mov bx, 0x8000
        mov cx, 9
        mov dx, 0x80
        int 0x13
        mov dx, 0x501
        mov al, 0x15
        out dx, al
        hlt

        times 510 - ($ - $$) db 0
        dw 0xaa55
        times 4096 - ($ - $$) db ($ - $$) * 7 & 255
        times 8192 - ($ - $$) db 0
