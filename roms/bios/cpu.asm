; What the processor itself needs from firmware: the local APIC lets the 8259's interrupts through,
; the memory type registers say what is RAM. Spec: Intel SDM volume 3, APIC and MTRR chapters.
        bits 32

CPUID_MSR       equ 1 << 5
CPUID_APIC      equ 1 << 9
CPUID_MTRR      equ 1 << 12
APIC            equ 0xfee00000
APIC_SPURIOUS   equ 0xf0
APIC_LINT0      equ 0x350
APIC_LINT1      equ 0x360
MSR_MTRR_CAP    equ 0xfe
MSR_MTRR_BASE0  equ 0x200
MSR_MTRR_MASK0  equ 0x201
MSR_MTRR_DEF    equ 0x2ff
MTRR_WRITEBACK  equ 6

; EDX = feature flags, 0 on a processor without CPUID.
cpu_features:
        pushfd
        pop eax
        mov ecx, eax
        xor eax, 1 << 21
        push eax
        popfd
        pushfd
        pop eax
        xor edx, edx
        cmp eax, ecx
        je .done
        mov eax, 1
        cpuid
.done:  ret

cpu_init:
        call cpu_features
        test edx, CPUID_APIC
        jz .mtrr
        mov dword [APIC + APIC_SPURIOUS], 0x1ff
        mov dword [APIC + APIC_LINT0], 0x700    ; as if wired to the 8259
        mov dword [APIC + APIC_LINT1], 0x400    ; NMI
.mtrr:  and edx, CPUID_MTRR | CPUID_MSR
        cmp edx, CPUID_MTRR | CPUID_MSR
        jne .done
        mov ecx, MSR_MTRR_CAP
        rdmsr
        mov ebx, eax
        xor edx, edx
        test bh, 1
        jz .variable
        mov esi, .fixed + BIOS_BASE
.next:  movzx ecx, word [esi]
        mov al, [esi + 2]
        mov ah, al
        push ax
        push ax
        pop eax
        mov edx, eax
        wrmsr
        add esi, 3
        cmp esi, .fixed_end + BIOS_BASE
        jb .next
.variable:
        test bl, bl
        jz .enable
        mov ecx, MSR_MTRR_BASE0         ; 3 GiB to 4 GiB uncached, the rest write-back
        xor edx, edx
        mov eax, 0xc0000000
        wrmsr
        inc ecx
        call cpu_address_bits
        mov eax, 0xc0000800
        wrmsr
.enable:
        mov ecx, MSR_MTRR_DEF
        xor edx, edx
        mov eax, 0xc00 | MTRR_WRITEBACK
        wrmsr
.done:  ret
.fixed:
%macro FIXED 2                  ; register, memory type
        dw %1
        db %2
%endmacro
        FIXED 0x250, 6
        FIXED 0x258, 6
        FIXED 0x259, 0
%assign register 0x268
%rep 8
        FIXED register, 5
%assign register register + 1
%endrep
.fixed_end:

; EDX = the upper half of an address mask: as many bits as the processor has beyond 32.
cpu_address_bits:
        push eax
        push ebx
        push ecx
        mov eax, 0x80000000
        cpuid
        mov edx, 0x0f           ; 36 bits since the Pentium Pro
        cmp eax, 0x80000008
        jb .done
        mov eax, 0x80000008
        cpuid
        mov cl, al
        sub cl, 32
        mov edx, 1
        shl edx, cl
        dec edx
.done:  pop ecx
        pop ebx
        pop eax
        ret
        bits 16
