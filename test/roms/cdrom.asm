; An El Torito disc that starts without emulation, reads its volume descriptor with INT 13h and
; prints the volume's name on COM1, then leaves through port F4h.
        cpu 386
        bits 16
        org 0

        times 16 * 2048 db 0
        db 1, 'CD001', 1, 0
        times 32 db ' '
        db 'TINAMOU-DISC'
        times 17 * 2048 - ($ - $$) db 0
        db 0, 'CD001', 1, 'EL TORITO SPECIFICATION'
        times 17 * 2048 + 0x47 - ($ - $$) db 0
        dd 18
        times 18 * 2048 - ($ - $$) db 0
        db 1, 0, 0, 0
        times 24 db 0
        dw 0x55aa, 0xaa55
        db 0x88, 0
        dw 0                    ; at 7C0h
        db 0, 0
        dw 4                    ; times 512 bytes
        dd 19
        times 19 * 2048 - ($ - $$) db 0
image:
        mov ax, cs
        mov ds, ax
        mov es, ax
        mov ax, 0x4b01
        mov si, packet - image
        int 0x13
        jc failed
        cmp byte [packet - image + 2], dl
        jne failed
        cmp dword [packet - image + 4], 19
        jne failed
        mov ah, 0x48
        mov si, parameters - image
        int 0x13
        jc failed
        cmp word [parameters - image + 24], 2048
        jne failed
        mov ah, 0x42
        mov si, request - image
        int 0x13
        jc failed
        mov si, 0x1000 + 40
        mov cx, 12
.next:  lodsb
        call put
        loop .next
        mov al, 10
        call put
        mov al, 0x10
        out 0xf4, al
failed: mov al, '!'
        call put
        mov al, 0x11
        out 0xf4, al
        hlt
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
request:
        dw 16, 1, 0x1000, 0x07c0
        dd 16, 0
parameters:
        dw 26
        times 24 db 0
packet: times 20 db 0
        times 64 * 2048 - ($ - $$) db 0
