; Protected mode for a moment: POST and block moves need all of memory.

        align 8
gdt:    dq 0
        dq 0x00cf9b000000ffff   ; 08 code32, flat
        dq 0x00cf93000000ffff   ; 10 data, flat
        dq 0
        dq 0x00009b0f0000ffff   ; 20 code16, base F0000
        dq 0x000093000000ffff   ; 28 data16, base 0
gdt_end:
gdtr:   dw gdt_end - gdt - 1
        dd BIOS_BASE + gdt
gdtr_high:
        dw gdt_end - gdt - 1
        dd 0xffff0000 + gdt

; Runs [pm_target] in 32-bit mode with flat segments, interrupts off and A20 on.
; All general registers are handed over and back; segments and flags are kept.
call32:
        pushf
        cli
        push ds
        push es
        push fs
        push gs
        mov [cs:pm_esp], esp
        mov [cs:pm_ss], ss
        mov [cs:pm_eax], eax
        in al, 0x92
        and al, 0xfe
        mov [cs:pm_a20], al
        or al, 2
        out 0x92, al
        o32 lgdt [cs:gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x08:BIOS_BASE + .flat
        bits 32
.flat:  mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, BIOS_BASE + PM_STACK_TOP
        mov eax, [BIOS_BASE + pm_eax]
        call [BIOS_BASE + pm_target]
        mov [BIOS_BASE + pm_eax], eax
        mov ax, 0x28
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        jmp 0x20:.half
        bits 16
.half:  mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp BIOS_SEGMENT:.real
.real:  mov ss, [cs:pm_ss]
        mov esp, [cs:pm_esp]
        mov al, [cs:pm_a20]
        out 0x92, al
        pop gs
        pop fs
        pop es
        pop ds
        mov eax, [cs:pm_eax]
        popf
        ret

; The first step after reset: RAM over the BIOS ROM, with a copy of the ROM in it. Runs from the
; ROM's place below 4 GiB, because the place below 1 MiB changes under its feet.
shadow:
        o32 lgdt [cs:gdtr_high]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x08:0xffff0000 + .flat
        bits 32
.flat:  mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        mov dx, 0xcf8           ; 82441FX PAM0..PAM6: everything from C0000 is RAM
        mov eax, 0x80000058
        out dx, eax
        mov dx, 0xcfd
        mov al, 0x30
        out dx, al
        mov dx, 0xcfe
        mov ax, 0x3333
        out dx, ax
        mov dx, 0xcf8
        mov eax, 0x8000005c
        out dx, eax
        mov dx, 0xcfc
        mov eax, 0x33333333
        out dx, eax
        mov esi, 0xffff0000
        mov edi, BIOS_BASE
        mov ecx, 0x10000 / 4
        cld
        rep movsd
        mov ax, 0x28
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov fs, ax
        mov gs, ax
        jmp 0x20:.half
        bits 16
.half:  mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp BIOS_SEGMENT:post_shadowed
