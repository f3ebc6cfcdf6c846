; A boot sector that switches the machine off by APM's 32-bit entry. Before, it asks for what APM
; is; what differs from the document is a letter on COM1, and the end comes through port F4h.
        cpu 386
        bits 16
        org 0x7c00

%macro CHECK 2                  ; condition that is a failure, letter to say
        mov byte [letter], %2
        %1 failed
%endmacro

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov ax, 0x5300
        xor bx, bx
        int 0x15
        CHECK jc, 'a'
        cmp bx, 'MP'            ; P in BH
        CHECK jne, 'b'
        cmp ax, 0x0102
        CHECK jne, 'c'
        test cl, 2              ; 32-bit entry
        CHECK jz, 'd'
        mov ax, 0x5301
        xor bx, bx
        int 0x15
        CHECK jc, 'e'
        mov ax, 0x530e
        mov cx, 0x0102
        int 0x15
        CHECK jc, 'f'
        cmp ax, 0x0102
        CHECK jne, 'g'
        mov ax, 0x530b          ; no event
        int 0x15
        CHECK jnc, 'h'
        cmp ah, 0x80
        CHECK jne, 'i'
        mov ax, 0x5304
        xor bx, bx
        int 0x15
        CHECK jc, 'j'
        mov ax, 0x5303
        xor bx, bx
        int 0x15
        CHECK jc, 'k'
        mov [entry], ebx
        movzx eax, ax
        shl eax, 4
        or [code + 2], eax
        mov al, 's'
        call say
        cli
        lgdt [gdtr]
        mov eax, cr0
        inc ax
        mov cr0, eax
        jmp 0x08:.flat
        bits 32
.flat:  mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov ax, 0x530a
        mov bx, 1
        call far [entry]
        CHECK jc, 'l'
        cmp bh, 1
        CHECK jne, 'm'
        mov ax, 0x5307
        mov bx, 1
        mov cx, 3
        call far [entry]
        CHECK jmp, 'n'
        bits 16

failed: mov al, [letter]        ; the same bytes in both modes
        mov dx, 0x3f8
        out dx, al
        mov al, 16
        out 0xf4, al
.stay:  hlt
        jmp short .stay
say:    mov dx, 0x3f8
        out dx, al
        ret

letter: db 0
        align 4
entry:  dd 0
        dw 0x18
        align 8
gdt:    dq 0
        dq 0x00cf9b000000ffff
        dq 0x00cf93000000ffff
code:   dq 0x00409b000000ffff
gdtr:   dw $ - gdt - 1
        dd gdt
        times 510 - ($ - $$) db 0
        dw 0xaa55
