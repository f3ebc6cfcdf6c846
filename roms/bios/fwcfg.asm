; The firmware configuration device (ports 510h, 511h), from 32-bit code: items by key, files by
; name. Spec: fw_cfg of the QEMU project's documentation (docs/specs/fw_cfg).
        bits 32

FWCFG_NOGRAPHIC equ 0x04
FWCFG_FILES     equ 0x19
DIRECTORY       equ 0x10000     ; scratch: the directory as read

; Selects item AX.
fwcfg_select:
        mov dx, 0x510
        out dx, ax
        ret

; The next ECX bytes to EDI.
fwcfg_read:
        mov dx, 0x511
        rep insb
        ret

fwcfg_init:
        mov byte [BIOS_BASE + has_fwcfg], 0
        mov byte [BIOS_BASE + no_graphic], 0
        mov dword [DIRECTORY], 0
        xor eax, eax
        call fwcfg_select
        mov edi, BIOS_BASE + scratch
        mov ecx, 4
        call fwcfg_read
        cmp dword [BIOS_BASE + scratch], 'QEMU'
        jne .none
        mov byte [BIOS_BASE + has_fwcfg], 1
        mov ax, FWCFG_NOGRAPHIC
        call fwcfg_select
        mov edi, BIOS_BASE + scratch
        mov ecx, 2
        call fwcfg_read
        cmp word [BIOS_BASE + scratch], 0
        setne [BIOS_BASE + no_graphic]
        mov ax, FWCFG_FILES
        call fwcfg_select
        mov edi, DIRECTORY
        mov ecx, 4
        call fwcfg_read
        mov ecx, [DIRECTORY]
        bswap ecx
        cmp ecx, 256
        jbe .read
        mov ecx, 256
.read:  mov [DIRECTORY], ecx    ; number of files, then 64 bytes each
        shl ecx, 6
        call fwcfg_read
.none:  ret

; The file named by the string ESI: ECX = size and selected, or CF.
fwcfg_open:
        push eax
        push edx
        push ebx
        push edi
        mov edx, [DIRECTORY]
        mov ebx, DIRECTORY + 4
.entry: test edx, edx
        jz .none
        lea edi, [ebx + 8]
        push esi
        mov ecx, 56
.char:  lodsb
        scasb
        jne .differ
        test al, al
        loopnz .char
        pop esi
        mov ax, [ebx + 4]
        xchg al, ah
        call fwcfg_select
        mov ecx, [ebx]
        bswap ecx
        clc
        jmp short .done
.differ:
        pop esi
        add ebx, 64
        dec edx
        jmp short .entry
.none:  stc
.done:  pop edi
        pop ebx
        pop edx
        pop eax
        ret
        bits 16
