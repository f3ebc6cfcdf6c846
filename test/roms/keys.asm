; A boot sector that says on COM1 the code of every key INT 16h gives, until Esc.
        cpu 386
        bits 16
        org 0x7c00
        jmp 0:start
start:  xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        mov al, '?'
        call put
.next:  mov ah, 0x10
        int 0x16
        push ax
        mov cx, 4
        mov bx, ax
.digit: rol bx, 4
        mov al, bl
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        call put
        loop .digit
        mov al, 10
        call put
        pop ax
        cmp al, 27
        jne .next
        mov al, 0x10
        out 0xf4, al
        hlt
put:    mov ah, al
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dl, 0xf8
        out dx, al
        ret
        times 510 - ($ - $$) db 0
        dw 0xaa55
        times 65536 - ($ - $$) db 0
