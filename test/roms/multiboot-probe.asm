; A multiboot kernel that prints on COM1 what it was given, then leaves through port F4h.
; Assembled as a flat image with the address fields of the multiboot header.
        bits 32
        org 0x100000
start:
header: dd 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
        dd header, start, data_end, bss_end, entry
entry:  mov esp, bss_end
        mov edi, eax
        mov esi, text_magic
        call text
        mov eax, edi
        call hex
        mov esi, text_info
        call text
        mov eax, ebx
        call hex
        xor ecx, ecx
.word:  mov eax, ecx
        and eax, 7
        jnz .same
        call line
.same:  mov eax, [ebx + ecx * 4]
        call hex
        inc ecx
        cmp ecx, 22
        jb .word
        mov esi, text_command
        call text
        mov esi, [ebx + 16]
        call text
        mov esi, text_loader
        call text
        mov esi, [ebx + 64]
        call text
        mov ebp, [ebx + 20]
        mov edi, [ebx + 24]
.module:
        test ebp, ebp
        jz .map
        mov esi, text_module
        call text
        mov eax, [edi]
        call hex
        mov eax, [edi + 4]
        call hex
        mov esi, [edi + 8]
        call text
        mov al, ':'
        call char
        mov esi, [edi]
        mov ecx, [edi + 4]
        sub ecx, esi
.byte:  lodsb
        call char
        loop .byte
        add edi, 16
        dec ebp
        jmp .module
.map:   mov edi, [ebx + 48]
        mov ebp, [ebx + 44]
        add ebp, edi
.entry: cmp edi, ebp
        jae .end
        mov esi, text_map
        call text
        mov ecx, 6
.field: mov eax, [edi]
        call hex
        add edi, 4
        loop .field
        jmp .entry
.end:   mov esi, text_end
        call text
        mov al, 0x10
        out 0xf4, al
        cli
        hlt

line:   mov al, 10
char:   push edx
        push eax
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop eax
        mov dl, 0xf8
        out dx, al
        pop edx
        ret
text:   lodsb
        test al, al
        jz .done
        call char
        jmp text
.done:  ret
hex:    push ecx
        mov ecx, 8
.digit: rol eax, 4
        push eax
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        call char
        pop eax
        loop .digit
        mov al, ' '
        call char
        pop ecx
        ret
text_magic:   db 10, 'magic ', 0
text_info:    db 'info ', 0
text_command: db 10, 'command ', 0
text_loader:  db 10, 'loader ', 0
text_module:  db 10, 'module ', 0
text_map:     db 10, 'map ', 0
text_end:     db 10, 'end', 10, 0
        align 16
data_end:
bss_end equ data_end + 0x1000
