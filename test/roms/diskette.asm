; An El Torito disc that starts as a diskette of 1.44 MB: asks drive 0 for its form, reads across
; the disc's sectors and across tracks, is refused writing, ends the emulation; says so on COM1.
        cpu 386
        bits 16
        org 0

        times 17 * 2048 db 0
        db 0, 'CD001', 1, 'EL TORITO SPECIFICATION'
        times 17 * 2048 + 0x47 - ($ - $$) db 0
        dd 18
        times 18 * 2048 - ($ - $$) db 0
        db 1, 0, 0, 0
        times 24 db 0
        dw 0x55aa, 0xaa55
        db 0x88, 2              ; a diskette of 1.44 MB
        dw 0                    ; at 7C0h
        db 0, 0
        dw 1                    ; one sector
        dd 19
        times 19 * 2048 - ($ - $$) db 0
image:
        mov ax, cs
        mov ds, ax
        mov es, ax
        test dl, dl             ; the drive it was started from
        jnz failed
        int 0x11
        test al, 1              ; there is a diskette drive
        jz failed
        mov ah, 8
        int 0x13
        jc failed
        cmp bl, 4
        jne failed
        cmp cx, 79 << 8 | 18
        jne failed
        cmp dx, 0x0101
        jne failed
        push cs
        pop es
        mov ax, 0x0203          ; cylinder 0, head 0, sector 18 and two of head 1
        mov bx, 0x1000
        mov cx, 18
        xor dx, dx
        int 0x13
        jc failed
        cmp al, 3
        jne failed
        mov si, 0x1000
        call say
        mov si, 0x1200
        call say
        mov si, 0x1400
        call say
        mov ax, 0x0301
        mov cx, 1
        int 0x13
        jnc failed
        cmp ah, 3               ; protected
        jne failed
        mov ax, 0x0201
        mov cx, 19              ; there is no such sector
        int 0x13
        jnc failed
        mov ax, 0x4b00
        mov si, packet - image
        int 0x13
        jc failed
        cmp word [packet - image + 1], 2
        jne failed
        cmp dword [packet - image + 4], 19
        jne failed
        mov ax, 0x0201
        mov cx, 1
        int 0x13
        jnc failed
        mov al, 0x10
        out 0xf4, al
failed: mov al, '!'
        call put
        mov al, 0x11
        out 0xf4, al
        hlt
say:    lodsb
        call put
        cmp al, 10
        jne say
        ret
put:    push dx
        push ax
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dl, 0xf8
        out dx, al
        pop dx
        ret
packet: times 20 db 0
        times 19 * 2048 + 17 * 512 - ($ - $$) db 0
        db 'EIGHTEEN', 10
        times 19 * 2048 + 18 * 512 - ($ - $$) db 0
        db 'NINETEEN', 10
        times 19 * 2048 + 19 * 512 - ($ - $$) db 0
        db 'TWENTY', 10
        times 19 * 2048 + 1474560 - ($ - $$) db 0
