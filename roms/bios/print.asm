; Text from the BIOS itself, on the screen and on the debug console (port 402h).

; The string at CS:SI. Keeps all registers.
print:
        push ax
        push si
.next:  mov al, [cs:si]
        inc si
        test al, al
        jz .done
        call print_char
        jmp short .next
.done:  pop si
        pop ax
        ret

print_char:
        push ax
        push bx
        mov bx, 0x0007
        mov ah, 0x0e
        int 0x10
        pop bx
        push dx
        mov dx, 0x402
        out dx, al
        pop dx
        pop ax
        ret

; EAX in decimal.
print_number:
        pushad
        mov ebx, 10
        xor cx, cx
.digit: xor edx, edx
        div ebx
        push dx
        inc cx
        test eax, eax
        jnz .digit
.out:   pop ax
        add al, '0'
        call print_char
        loop .out
        popad
        ret

; AL in hexadecimal.
print_byte:
        push ax
        shr al, 4
        call .digit
        pop ax
        push ax
        and al, 0x0f
        call .digit
        pop ax
        ret
.digit: cmp al, 10
        sbb al, 0x69
        das
        jmp print_char
