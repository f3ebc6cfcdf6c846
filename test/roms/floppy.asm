; A diskette of 1.44 MB that starts from drive A and uses the BIOS's diskette services: form, reading
; across sides, cylinders and 64 KiB, writing, verifying, formatting, errors. Says so on COM1.
        cpu 386
        bits 16
        org 0x7c00

%macro CHECK 2                  ; condition that is a failure, letter to say
        mov byte [letter], %2
        %1 failed
%endmacro

start:  jmp 0:.here
.here:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov [drive], dl
        test dl, dl
        CHECK jnz, 'a'
        int 0x11                ; one diskette drive
        and al, 0xc1
        cmp al, 1
        CHECK jne, 'b'
        mov ah, 8
        int 0x13
        CHECK jc, 'c'
        cmp bl, 4
        CHECK jne, 'd'
        cmp cx, 79 << 8 | 18
        CHECK jne, 'e'
        cmp dx, 0x0101
        CHECK jne, 'f'
        cmp byte [es:di + 4], 18
        CHECK jne, 'g'
        xor dx, dx
        mov ah, 0x15
        int 0x13
        CHECK jc, 'h'
        cmp ah, 2
        CHECK jne, 'i'
        mov ah, 0x16            ; nobody changed it since it was read
        int 0x13
        CHECK jc, 'j'
        mov ax, 0x0208          ; the rest of the checks
        mov cx, 2
        mov bx, 0x7e00
        push ds
        pop es
        int 0x13
        CHECK jc, 'k'
        jmp more

failed: mov si, bad
        call say
        mov al, 0x11
        jmp leave_it
leave_it:
        out 0xf4, al
        hlt
        jmp short leave_it

say:    lodsb
        test al, al
        jz .done
        mov ah, al
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dl, 0xf8
        out dx, al
        jmp short say
.done:  ret

drive:  db 0
bad:    db 'FAILED at '
letter: db '?', 10, 0
good:   db 'DISKETTE OK', 10, 0
        times 510 - ($ - $$) db 0
        dw 0xaa55

more:   mov ax, 0x1000          ; 1FF00h: 256 bytes before a boundary
        mov es, ax
        mov bx, 0xff00
        mov ax, 0x0201
        mov cx, 0x0001
        xor dx, dx
        int 0x13
        CHECK jnc, 'l'
        cmp ah, 9
        CHECK jne, 'm'
        mov bx, 0xfe00          ; from there a whole sector before it
        mov ax, 0x0203
        mov cx, 18              ; sector 18 of head 0, sectors 1 and 2 of head 1
        int 0x13
        CHECK jc, 'n'
        cmp al, 3
        CHECK jne, 'o'
        cmp byte [es:0xfe00], 'A'
        CHECK jne, 'p'
        mov ax, 0x2000
        mov es, ax
        cmp byte [es:0], 'B'
        CHECK jne, 'q'
        cmp byte [es:0x200], 'C'
        CHECK jne, 'r'
        mov di, 0               ; writes a sector of cylinder 70, reads it back
        mov cx, 256
        mov ax, 0x5aa5
        rep stosw
        mov ax, 0x0301
        mov bx, 0
        mov cx, 70 << 8 | 5
        mov dx, 0x0100
        int 0x13
        CHECK jc, 's'
        mov ax, 0x0201
        mov bx, 0x400
        int 0x13
        CHECK jc, 't'
        cmp word [es:0x5fe], 0x5aa5
        CHECK jne, 'u'
        mov ax, 0x0412          ; verifies the whole track
        mov cx, 70 << 8 | 1
        int 0x13
        CHECK jc, 'v'
        cmp al, 18
        CHECK jne, 'w'
        mov di, 0x1000          ; formats it
        mov cx, 18
        mov bl, 1
.name:  mov ax, 0x0146          ; cylinder 70, head 1
        stosw
        mov al, bl
        mov ah, 2
        stosw
        inc bl
        loop .name
        mov ax, 0x1800
        mov cx, 79 << 8 | 18
        push es
        int 0x13
        pop es
        CHECK jc, 'x'
        mov ax, 0x0512
        mov bx, 0x1000
        mov cx, 70 << 8 | 1
        mov dx, 0x0100
        int 0x13
        CHECK jc, 'y'
        mov ax, 0x0201
        mov bx, 0x400
        mov cx, 70 << 8 | 5
        int 0x13
        CHECK jc, 'z'
%ifndef PEER                    ; QEMU formats nothing
        cmp word [es:0x5fe], 0xf6f6
        CHECK jne, 'A'
%endif
        mov ax, 0x0201
        mov cx, 19              ; no such sector
        xor dx, dx
        int 0x13
        CHECK jnc, 'B'
        cmp ah, 4
        CHECK jne, 'C'
        mov ah, 1
        int 0x13
        cmp ah, 4
        CHECK jne, 'D'
        mov ah, 0               ; reset, and go on
        int 0x13
        CHECK jc, 'E'
        mov ax, 0x0201
        mov cx, 1
        mov bx, 0x400
        int 0x13
        CHECK jc, 'F'
        cmp word [es:0x5fe], 0xaa55
        CHECK jne, 'G'
        mov dl, 1               ; there is no drive B
        mov ah, 0x15
        int 0x13
        cmp ah, 0
        CHECK jne, 'H'
        mov ax, 0x0201
        mov cx, 1
        int 0x13
        CHECK jnc, 'I'
        mov ax, [0x46c]         ; the motor stops after two seconds
        mov bx, ax
.turns: hlt
        mov ax, [0x46c]
        sub ax, bx
        cmp ax, 40
        jb .turns
        test byte [0x43f], 3
        CHECK jnz, 'J'
        mov ax, 0x0201
        mov cx, 1
        xor dx, dx
        mov bx, 0x400
        int 0x13
        CHECK jc, 'K'
        mov si, good
        call say
        mov al, 0x10
        jmp leave_it

        times 17 * 512 - ($ - $$) db 0
        times 512 db 'A'
        times 512 db 'B'
        times 512 db 'C'
        times 1474560 - ($ - $$) db 0
