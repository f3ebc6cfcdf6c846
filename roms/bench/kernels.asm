; Benchmark kernels: a multiboot image that runs the same set of small programs for ever, in 32-bit
; protected mode with 4 KiB pages. Before kernel k it sends the letter 'a'+k on COM1, after it 'A'+k,
; and a newline after each round; whoever reads takes the time. A wrong checksum sends '!'.
;
; Built with: nasm -f bin kernels.asm -o kernels.elf

        bits 32
        org 0x100000

BASE    equ 0x100000
COM1    equ 0x3f8
DIR     equ 0x200000            ; page directory, then 4 tables: 16 MiB mapped to itself
DATA    equ 0x400000
DATA2   equ 0x600000

elf:    db 0x7f, 'ELF', 1, 1, 1, 0
        dq 0
        dw 2, 3                 ; executable, 386
        dd 1, start
        dd program - elf        ; program headers
        dd 0, 0
        dw 52, 32, 1, 0, 0, 0
program:
        dd 1, 0, BASE, BASE, end - elf, end - elf + 0x1000, 7, 0x1000

        align 4
multiboot:
        dd 0x1badb002, 0x00010003, -(0x1badb002 + 0x00010003)
        dd multiboot, BASE, end, end + 0x1000, start

start:  cli
        lgdt [gdtr]
        jmp 8:.flat
.flat:  mov ax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov esp, 0x180000
        call uart
        call paging
round:  xor ebp, ebp
.next:  lea eax, [ebp + 'a']
        call send
        push ebp
        call [kernels + ebp * 8]
        pop ebp
        mov ecx, eax
        lea eax, [ebp + 'A']
        call send
        cmp ecx, [kernels + ebp * 8 + 4]
        je .ok
        mov al, '!'
        call send
.ok:    inc ebp
        cmp ebp, (kernels.end - kernels) / 8
        jb .next
        mov al, 10
        call send
        jmp round

uart:   mov dx, COM1 + 1
        xor al, al
        out dx, al
        mov dx, COM1 + 3
        mov al, 0x83
        out dx, al
        mov dx, COM1
        mov al, 1
        out dx, al
        inc dx
        xor al, al
        out dx, al
        mov dx, COM1 + 3
        mov al, 3
        out dx, al
        ret

send:   push edx
        push eax
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop eax
        mov dx, COM1
        out dx, al
        pop edx
        ret

paging: mov edi, DIR
        mov eax, DIR + 0x1000 + 3
        mov ecx, 4
.dir:   stosd
        add eax, 0x1000
        loop .dir
        mov ecx, 1020
        xor eax, eax
        rep stosd
        mov eax, 3
        mov ecx, 4096
.table: stosd
        add eax, 0x1000
        loop .table
        mov eax, DIR
        mov cr3, eax
        mov eax, cr4
        or eax, 0x200           ; OSFXSR
        mov cr4, eax
        mov eax, cr0
        and eax, ~0xc           ; neither EM nor TS
        or eax, 0x80010022      ; PG, WP, NE, MP
        mov cr0, eax
        fninit
        jmp .on
.on:    ret

        align 8
kernels:
        dd collatz, 0x004d70aa
        dd crc, 0xd388baf4
        dd memcpy, 0xe1f12e6b
        dd sieve, 0x0001bdeb
        dd qsort, 0x9a38034b
        dd fib, 0x0004d973
        dd vm, 0x8e7972b2
        dd matx87, 0x434d9565
        dd matsse, 0x434d9565
.end:

        align 16
; Sum of the lengths of the Collatz sequences from 1 to 50,000.
collatz:
        xor ebx, ebx
        mov ecx, 1
.outer: mov eax, ecx
.inner: inc ebx
        cmp eax, 1
        je .done
        test al, 1
        jnz .odd
        shr eax, 1
        jmp .inner
.odd:   lea eax, [eax + eax * 2 + 1]
        jmp .inner
.done:  inc ecx
        cmp ecx, 50000
        jbe .outer
        mov eax, ebx
        ret

        align 16
; CRC-32 of 1 MiB, three times over, by a table of 256 words.
crc:    mov edi, DATA
        xor ecx, ecx
.make:  mov eax, ecx
        mov edx, 8
.bit:   shr eax, 1
        jnc .no
        xor eax, 0xedb88320
.no:    dec edx
        jnz .bit
        mov [edi + ecx * 4], eax
        inc ecx
        cmp ecx, 256
        jb .make
        mov esi, DATA2
        mov ecx, 0x100000
        mov eax, 12345
.fill:  imul eax, eax, 1103515245
        add eax, 12345
        mov ebx, eax
        shr ebx, 16
        mov [esi], bl
        inc esi
        dec ecx
        jnz .fill
        mov eax, -1
        mov ebp, 3
.pass:  mov esi, DATA2
        mov ecx, 0x100000
.byte:  movzx ebx, byte [esi]
        inc esi
        xor bl, al
        shr eax, 8
        xor eax, [edi + ebx * 4]
        dec ecx
        jnz .byte
        dec ebp
        jnz .pass
        not eax
        ret

        align 16
; Copies 512 KiB, 16 bytes a turn, 24 times, then sums.
memcpy: mov edi, DATA
        mov ecx, 0x20000
        mov eax, 1
.fill:  mov [edi], eax
        add eax, 0x01010101
        add edi, 4
        dec ecx
        jnz .fill
        mov ebp, 24
.pass:  mov esi, DATA
        mov edi, DATA2
        mov ecx, 0x20000 / 4
.copy:  mov eax, [esi]
        mov ebx, [esi + 4]
        mov [edi], eax
        mov [edi + 4], ebx
        mov eax, [esi + 8]
        mov ebx, [esi + 12]
        mov [edi + 8], eax
        mov [edi + 12], ebx
        add esi, 16
        add edi, 16
        dec ecx
        jnz .copy
        dec ebp
        jnz .pass
        mov esi, DATA2
        mov ecx, 0x20000
        xor eax, eax
.sum:   add eax, [esi]
        rol eax, 1
        add esi, 4
        dec ecx
        jnz .sum
        ret

        align 16
; Primes below 1,500,000, by bytes.
SIEVE   equ 1500000
sieve:  mov edi, DATA
        mov ecx, SIEVE / 4
        mov eax, 0x01010101
        rep stosd
        mov ebx, 2
.outer: mov eax, ebx
        imul eax, eax
        cmp eax, SIEVE
        jae .count
        cmp byte [DATA + ebx], 0
        je .skip
.mark:  mov byte [DATA + eax], 0
        add eax, ebx
        cmp eax, SIEVE
        jb .mark
.skip:  inc ebx
        jmp .outer
.count: xor eax, eax
        mov ebx, 2
.add:   movzx edx, byte [DATA + ebx]
        add eax, edx
        inc ebx
        cmp ebx, SIEVE
        jb .add
        ret

        align 16
; Sorts 200,000 pseudo-random words recursively, then hashes them.
WORDS   equ 200000
qsort:  mov edi, DATA
        mov ecx, WORDS
        mov eax, 42
.fill:  imul eax, eax, 1664525
        add eax, 1013904223
        mov [edi], eax
        add edi, 4
        dec ecx
        jnz .fill
        mov esi, DATA
        mov edi, DATA + (WORDS - 1) * 4
        call .sort
        mov esi, DATA
        mov ecx, WORDS
        xor eax, eax
.hash:  rol eax, 5
        xor eax, [esi]
        add esi, 4
        dec ecx
        jnz .hash
        ret
; esi..edi, both inclusive
.sort:  cmp esi, edi
        jae .out
        mov eax, edi
        sub eax, esi
        shr eax, 3
        mov edx, [esi + eax * 4]
        mov ebx, esi
        mov ecx, edi
.left:  cmp [ebx], edx
        jae .right
        add ebx, 4
        jmp .left
.right: cmp [ecx], edx
        jbe .swap
        sub ecx, 4
        jmp .right
.swap:  cmp ebx, ecx
        ja .split
        mov eax, [ebx]
        mov ebp, [ecx]
        mov [ebx], ebp
        mov [ecx], eax
        add ebx, 4
        sub ecx, 4
        cmp ebx, ecx
        jbe .left
.split: push ebx
        push edi
        mov edi, ecx
        call .sort
        pop edi
        pop esi
        jmp .sort
.out:   ret

        align 16
; fib(28) by double recursion.
fib:    push dword 28
        call .fib
        add esp, 4
        ret
.fib:   push ebp
        mov ebp, esp
        push ebx
        mov eax, [ebp + 8]
        cmp eax, 2
        jb .leaf
        dec eax
        push eax
        call .fib
        add esp, 4
        mov ebx, eax
        mov eax, [ebp + 8]
        sub eax, 2
        push eax
        call .fib
        add esp, 4
        add eax, ebx
.leaf:  pop ebx
        pop ebp
        ret

        align 16
; A byte-code machine: seven opcodes through a jump table, 300,000 rounds of a short program.
vm:     mov esi, .code
        mov ecx, 300000
        mov eax, 1
        xor ebx, ebx
.step:  movzx edx, byte [esi]
        inc esi
        jmp [.table + edx * 4]
.add:   movzx edx, byte [esi]
        inc esi
        add eax, edx
        jmp .step
.mul:   imul eax, eax, 69069
        jmp .step
.xor:   mov edx, eax
        shr edx, 7
        xor eax, edx
        jmp .step
.acc:   add ebx, eax
        jmp .step
.skip:  test al, 4
        jz .step
        inc esi
        jmp .step
.nop:   jmp .step
.loop:  dec ecx
        jz .halt
        mov esi, .code
        jmp .step
.halt:  mov eax, ebx
        ret
        align 4
.table: dd .add, .mul, .xor, .acc, .skip, .nop, .loop
.code:  db 0, 77, 1, 2, 3, 4, 5, 0, 3, 2, 6

; Product of two 64 x 64 matrices of doubles, small whole numbers, four times with changes between.
; esi: row, edi: column, ebx: result; every sum is exact, so both units give the same.
N       equ 64
A       equ DATA
B       equ A + N * N * 8
C       equ B + N * N * 8
%macro matrix 1
        call fill
        mov ebp, 4
.pass:  mov ebx, C
        mov esi, A
.row:   mov edi, B
.cell:  mov ecx, N
        %1
        add ebx, 8
        sub esi, N * 8
        sub edi, N * N * 8 - 8
        cmp edi, B + N * 8
        jb .cell
        add esi, N * 8
        cmp esi, A + N * N * 8
        jb .row
        call digest
        dec ebp
        jnz .pass
        ret
%endmacro

%macro cellx87 0
        fldz
%%add:  fld qword [esi]
        fmul qword [edi]
        faddp
        add esi, 8
        add edi, N * 8
        dec ecx
        jnz %%add
        fstp qword [ebx]
%endmacro

%macro cellsse 0
        xorpd xmm0, xmm0
%%add:  movsd xmm1, [esi]
        mulsd xmm1, [edi]
        addsd xmm0, xmm1
        add esi, 8
        add edi, N * 8
        dec ecx
        jnz %%add
        movsd [ebx], xmm0
%endmacro

        align 16
matx87: matrix cellx87
        align 16
matsse: matrix cellsse

; A and B hold bytes of a pseudo-random sequence, minus 100; eax = 0.
fill:   mov edi, A
        mov ecx, 2 * N * N
        mov eax, 7
.next:  imul eax, eax, 1664525
        add eax, 1013904223
        mov edx, eax
        shr edx, 24
        sub edx, 100
        push edx
        fild dword [esp]
        fstp qword [edi]
        pop edx
        add edi, 8
        dec ecx
        jnz .next
        xor eax, eax
        ret

; Mixes C into eax and puts its diagonal, 1/1024 of it, into A's.
digest: mov edi, C
        mov ecx, N * N * 2
.mix:   rol eax, 5
        xor eax, [edi]
        add edi, 4
        dec ecx
        jnz .mix
        mov esi, C
        mov edi, A
        mov ecx, N
.turn:  mov edx, [esi + 4]
        sub edx, 10 << 20       ; the exponent
        mov [edi + 4], edx
        mov edx, [esi]
        mov [edi], edx
        add esi, (N + 1) * 8
        add edi, (N + 1) * 8
        dec ecx
        jnz .turn
        ret

        align 8
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:   dw 23
        dd gdt
end:
