; An El Torito disc that starts as a hard disk of 4 cylinders, 4 heads and 16 sectors: asks drive 80h
; for its form, reads across the disc's sectors, finds the real disk behind it, ends the emulation.
; Says ` OK` on COM1, or the letter of what went wrong.
        cpu 386
        bits 16
        org 0

%macro CHECK 2                  ; condition that is a failure, letter to say
        mov byte [letter - image], %2
        %1 failed
%endmacro

        times 17 * 2048 db 0
        db 0, 'CD001', 1, 'EL TORITO SPECIFICATION'
        times 17 * 2048 + 0x47 - ($ - $$) db 0
        dd 18
        times 18 * 2048 - ($ - $$) db 0
        db 1, 0, 0, 0
        times 24 db 0
        dw 0x55aa, 0xaa55
        db 0x88, 4              ; a hard disk
        dw 0                    ; at 7C0h
        db 0x83, 0
        dw 1                    ; one sector
        dd 19
        times 19 * 2048 - ($ - $$) db 0
image:
        mov ax, cs
        mov ds, ax
        mov es, ax
        cmp dl, 0x80
        CHECK jne, 'a'
        mov ah, 0x08
        int 0x13
        CHECK jc, 'b'
        cmp cx, 3 << 8 | 16
        CHECK jne, 'c'
        cmp dx, 0x0302          ; two disks
        CHECK jne, 'd'
        mov ax, 0x1500
        mov dl, 0x80
        int 0x13
        cmp ah, 3
        CHECK jne, 'e'
        cmp dx, 256
        CHECK jne, 'f'
        mov ax, 0x0203          ; 1, 2, 10: (1 * 4 + 2) * 16 + 9 = 105
        mov bx, 0x1000
        mov cx, 0x010a
        mov dx, 0x0280
        int 0x13
        CHECK jc, 'g'
        cmp byte [0x1000], 105
        CHECK jne, 'h'
        cmp byte [0x1400], 107
        CHECK jne, 'i'
        mov ax, 0x0201
        mov cx, 0x0401          ; beyond its end
        mov dx, 0x0080
        int 0x13
        CHECK jnc, 'j'
        mov ax, 0x0301
        mov cx, 1
        int 0x13
        CHECK jnc, 'k'
        mov ax, 0x0201          ; the real disk's own sector
        mov dl, 0x81
        int 0x13
        CHECK jc, 'l'
        cmp byte [0x1000], 0
        CHECK je, 'm'
        mov ax, 0x4b00
        mov dl, 0x80
        mov si, packet - image
        int 0x13
        CHECK jc, 'n'
        cmp word [packet - image + 1], 0x8004
        CHECK jne, 'o'
        mov ah, 0x08            ; which is drive 80h now
        mov dl, 0x80
        int 0x13
        cmp dl, 1
        CHECK jne, 'p'
        mov si, good - image
.text:  lodsb
        call say
        cmp al, 10
        jne .text
        mov al, 0x10
        out 0xf4, al
failed: mov al, [letter - image]
        call say
        mov al, 0x11
        out 0xf4, al
        hlt
say:    mov dx, 0x3f8
        out dx, al
        ret
good:   db ' OK', 10
letter: db 0
packet: times 20 db 0
        times 446 - ($ - image) db 0
        db 0x80, 0, 2, 0, 0x83, 3, 16, 3
        dd 1, 255
        times 510 - ($ - image) db 0
        dw 0xaa55
%assign number 1
%rep 255
        times 512 db number
%assign number number + 1
%endrep
