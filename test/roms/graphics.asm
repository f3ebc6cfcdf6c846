; A boot sector that draws in each graphics mode of INT 10h and looks at what came of it: pixels,
; exclusive or, characters that are read back, scrolling. Says on COM1 which modes failed and at
; which step; ` OK` if none did. Ends through port F4h.
        cpu 386
        bits 16
        org 0x7c00

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov si, modes
next:   lodsb
        test al, al
        jz done
        mov [mode], al
        mov ah, 0x00
        int 0x10

        mov bl, '1'             ; a pixel in the lower right part, and its neighbours
        mov cx, 301
        mov dx, 187
        mov ax, 0x0c01
        mov bh, 0
        int 0x10
        call pixel
        cmp al, 1
        jne fail
        dec cx
        call pixel
        test al, al
        jnz fail
        inc cx
        inc bx
        cmp byte [mode], 0x13
        je .characters
        mov ax, 0x0c81          ; exclusive or takes it away
        int 0x10
        call pixel
        test al, al
        jnz fail

.characters:
        mov bl, '3'
        mov dx, 0x0307          ; row 3, column 7
        call place
        push bx
        mov ax, 0x0900 + 'R'
        mov bx, 1
        mov cx, 2
        int 0x10
        pop bx
        inc dx
        call place
        call read
        cmp al, 'R'
        jne fail
        inc bx                  ; '4': the window from row 2 moves one up, with a row of colour 1 below
        push bx
        mov ax, 0x0601
        mov bh, 1
        mov cx, 0x0207
        mov dx, 0x0308
        int 0x10
        pop bx
        mov dx, 0x0207
        call place
        call read
        cmp al, 'R'
        jne fail
        inc bx
        mov cx, 8 * 8 + 3
        movzx ax, byte [0x485]  ; the character's height
        imul dx, ax, 3
        inc dx
        call pixel
        cmp al, 1
        jne fail
        inc bx                  ; '6': a teletype at the lower right corner scrolls everything
        mov dh, [0x484]
        mov dl, [0x44a]
        dec dl
        call place
        push bx
        mov ax, 0x0e00 + 'q'
        mov bx, 1
        int 0x10
        pop bx
        dec dh
        call place
        call read
        cmp al, 'q'
        jne fail
        jmp next

fail:   mov al, [mode]
        shr al, 4
        call digit
        mov al, [mode]
        call digit
        mov al, bl
        call say
        mov byte [failed], 1
        jmp next

done:   mov ax, 0x000d          ; the second page begins 8192 bytes of a plane further on
        int 0x10
        mov ax, 0x0501
        int 0x10
        mov dx, 0x3d4
        mov al, 0x0c
        out dx, al
        inc dx
        in al, dx
        mov bl, al
        mov ax, 0x0003
        int 0x10
        mov si, .good
        cmp byte [failed], 0
        jne .end
        cmp bl, 0x20
        jne .end
.text:  lodsb
        call say
        cmp al, 10
        jne .text
.end:   mov al, 16
        out 0xf4, al
        hlt
.good:  db ' OK', 10

pixel:  mov ah, 0x0d
        mov bh, 0
        int 0x10
        ret
place:  mov ah, 0x02
        mov bh, 0
        int 0x10
        ret
read:   mov ah, 0x08
        mov bh, 0
        int 0x10
        ret
digit:  and al, 0x0f
        add al, '0'
        cmp al, '9'
        jbe say
        add al, 7
say:    mov dx, 0x3f8
        out dx, al
        ret

modes:  db 4, 5, 6, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0
mode:   db 0
failed: db 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
