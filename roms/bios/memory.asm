; How much memory there is, and the map of it that INT 15h E820 gives.
        bits 32

RAM             equ 1
RESERVED        equ 2

; CMOS register AL -> EAX.
cmos_read32:
        out 0x70, al
        in al, 0x71
        movzx eax, al
        ret

; CMOS registers AL and AL + 1 -> EAX.
cmos_word32:
        mov ah, al
        inc al
        out 0x70, al
        in al, 0x71
        xchg al, ah
        out 0x70, al
        in al, 0x71
        movzx eax, ax
        ret

; Sizes from CMOS: 34h in 64 KiB above 16 MiB, 30h in KiB above 1 MiB, 5Bh in 64 KiB above 4 GiB.
memory_size:
        mov al, 0x34
        call cmos_word32
        shl eax, 16
        jz .small
        add eax, 0x1000000
        jmp short .set
.small: mov al, 0x30
        call cmos_word32
        shl eax, 10
        add eax, 0x100000
.set:   mov [BIOS_BASE + ram_low], eax
        mov [BIOS_BASE + high_top], eax
        mov dword [BIOS_BASE + fseg_next], BIOS_BASE + FSEG_FREE
        mov al, 0x5b
        call cmos_word32
        push eax
        mov al, 0x5d
        call cmos_read32
        shl eax, 16
        pop ecx
        or eax, ecx
        mov [BIOS_BASE + ram_high], eax
        ret

; Adds memory from EDX:EAX to EDI:ESI of type ECX to the map.
map_add:
        sub esi, eax
        sbb edi, edx
        mov ebx, esi
        or ebx, edi
        jz .done
        mov ebx, [BIOS_BASE + e820_count]
        cmp ebx, 32
        jae .done
        inc dword [BIOS_BASE + e820_count]
        imul ebx, ebx, 20
        add ebx, BIOS_BASE + e820_map
        mov [ebx], eax
        mov [ebx + 4], edx
        mov [ebx + 8], esi
        mov [ebx + 12], edi
        mov [ebx + 16], ecx
.done:  ret

%macro MAP 3                    ; from, to, type, all below 4 GiB
        mov eax, %1
        xor edx, edx
        mov esi, %2
        xor edi, edi
        mov ecx, %3
        call map_add
%endmacro

; Builds the map, once all tables are in memory.
memory_map_build:
        and dword [BIOS_BASE + high_top], 0xfffff000
        mov dword [BIOS_BASE + e820_count], 0
        movzx ebp, word [BDA_SEGMENT * 16 + BDA_MEMORY]
        shl ebp, 10
        MAP 0, ebp, RAM
        MAP ebp, 0xa0000, RESERVED
        MAP 0xf0000, 0x100000, RESERVED
        MAP 0x100000, [BIOS_BASE + high_top], RAM
        MAP [BIOS_BASE + high_top], [BIOS_BASE + ram_low], RESERVED
        call map_extra
        mov eax, 0xfffc0000
        xor edx, edx
        xor esi, esi
        mov edi, 1
        mov ecx, RESERVED
        call map_add
        mov esi, [BIOS_BASE + ram_high]
        mov edi, esi
        shl esi, 16
        shr edi, 16
        inc edi
        xor eax, eax
        mov edx, 1
        mov ecx, RAM
        call map_add
        ret

; What the machine reserves: the entries of etc/e820 that are not RAM.
map_extra:
        mov esi, .name + BIOS_BASE
        call fwcfg_open
        jc .done
.entry: sub ecx, 20
        jb .done
        push ecx
        mov edi, BIOS_BASE + scratch
        mov ecx, 20
        call fwcfg_read
        mov ecx, [BIOS_BASE + scratch + 16]
        cmp ecx, RAM
        je .next
        mov eax, [BIOS_BASE + scratch]
        mov edx, [BIOS_BASE + scratch + 4]
        mov esi, [BIOS_BASE + scratch + 8]
        mov edi, [BIOS_BASE + scratch + 12]
        add esi, eax
        adc edi, edx
        call map_add
.next:  pop ecx
        jmp short .entry
.done:  ret
.name:  db 'etc/e820', 0
        bits 16
