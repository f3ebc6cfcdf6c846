; ACPI and SMBIOS tables. The machine brings them; the BIOS gives them addresses.
; Spec: the linker/loader script of the QEMU project's fw_cfg files etc/table-loader (allocate, add
; pointer, add checksum); ACPI 1.0b; SMBIOS 2.8, section 5.2.1.
; Not here: script commands that write back to the machine.
        bits 32

SCRIPT          equ 0x40000     ; scratch: the script
SCRIPT_MAX      equ 0x10000
LOADED          equ 0x50000     ; scratch: files with addresses: name, address, size
LOADED_SIZE     equ 64
LOADED_ADDRESS  equ 56
LOADED_LENGTH   equ 60
COMMAND_SIZE    equ 128
COMMAND_ALLOCATE equ 1
COMMAND_POINTER equ 2
COMMAND_CHECKSUM equ 3
ZONE_FSEG       equ 2

acpi_load:
        mov esi, .name + BIOS_BASE
        call fwcfg_open
        jc .done
        cmp ecx, SCRIPT_MAX
        ja .done
        mov edi, SCRIPT
        push ecx
        call fwcfg_read
        pop ebp
        mov dword [LOADED], 0
        mov ebx, SCRIPT
        add ebp, ebx            ; EBP = the script's end
.command:
        lea eax, [ebx + COMMAND_SIZE]
        cmp eax, ebp
        ja .done
        push ebp
        mov eax, [ebx]
        cmp eax, COMMAND_ALLOCATE
        je .allocate
        cmp eax, COMMAND_POINTER
        je .pointer
        cmp eax, COMMAND_CHECKSUM
        je .checksum
.next:  pop ebp
        add ebx, COMMAND_SIZE
        jmp short .command
.done:  ret

; Name, alignment, zone.
.allocate:
        lea esi, [ebx + 4]
        call fwcfg_open
        jc .next
        mov eax, [ebx + 60]
        cmp eax, 16
        jae .aligned
        mov eax, 16
.aligned:
        cmp byte [ebx + 64], ZONE_FSEG
        je .low
        call table_high
        jmp short .read
.low:   call table_low
.read:  mov edx, LOADED         ; the first free record
.record:
        cmp dword [edx], 0
        je .free
        add edx, LOADED_SIZE
        jmp short .record
.free:  mov [edx + LOADED_ADDRESS], edi
        mov [edx + LOADED_LENGTH], ecx
        mov dword [edx + LOADED_SIZE], 0
        push edx
        call fwcfg_read
        pop edi
        lea esi, [ebx + 4]
        mov ecx, 56
        rep movsb
        jmp short .next

; File that holds the pointer, file pointed to, offset, size: the address is added. All addresses
; are below 4 GiB, so the upper half of a wide pointer stays as it is.
.pointer:
        lea esi, [ebx + 4]
        call loaded_find
        jc .next
        mov ebp, [edx + LOADED_ADDRESS]
        add ebp, [ebx + 116]
        lea esi, [ebx + 60]
        call loaded_find
        jc .next
        mov ecx, [edx + LOADED_ADDRESS]
        add [ebp], ecx
        jmp .next

; File, where the checksum is, from where, how many bytes.
.checksum:
        lea esi, [ebx + 4]
        call loaded_find
        jc .next
        mov edi, [edx + LOADED_ADDRESS]
        mov esi, edi
        add esi, [ebx + 64]
        mov ecx, [ebx + 68]
        call sum_bytes
        add edi, [ebx + 60]
        sub [edi], al
        jmp .next
.name:  db 'etc/table-loader', 0

; ECX bytes aligned to EAX at the end of RAM -> EDI.
table_high:
        mov edi, [BIOS_BASE + high_top]
        sub edi, ecx
        neg eax
        and edi, eax
        mov [BIOS_BASE + high_top], edi
        ret

; ECX bytes aligned to EAX in the F segment, or high if it is full -> EDI.
table_low:
        mov edi, [BIOS_BASE + fseg_next]
        lea edi, [edi + eax - 1]
        push eax
        neg eax
        and edi, eax
        lea eax, [edi + ecx]
        cmp eax, BIOS_BASE + FSEG_FREE_END
        pop eax
        ja table_high
        push edi
        add edi, ecx
        mov [BIOS_BASE + fseg_next], edi
        pop edi
        ret

; The record of the file named at ESI -> EDX, or CF. Changes EAX, ECX, EDI.
loaded_find:
        mov edx, LOADED
.record:
        cmp dword [edx], 0
        je .none
        push esi
        mov edi, edx
        mov ecx, 56
.char:  lodsb
        scasb
        jne .differ
        test al, al
        loopnz .char
        pop esi
        clc
        ret
.differ:
        pop esi
        add edx, LOADED_SIZE
        jmp short .record
.none:  stc
        ret

; The sum of ECX bytes at ESI -> AL. Keeps EDI.
sum_bytes:
        push ecx
        xor eax, eax
        jecxz .done
.next:  add al, [esi]
        inc esi
        loop .next
.done:  pop ecx
        ret

; ---------------------------------------------------------------------------------------- SMBIOS

; The entry point goes to the F segment, the structures to the end of RAM with ours in front: the
; machine has described itself, but not its BIOS.
smbios_load:
        mov esi, .tables + BIOS_BASE
        call fwcfg_open
        jc .done
        mov esi, .anchor + BIOS_BASE
        call fwcfg_open
        jc .done
        cmp ecx, 31
        jne .done
        mov eax, 16
        call table_low
        mov ebp, edi            ; EBP = the entry point
        call fwcfg_read
        mov esi, .tables + BIOS_BASE
        call fwcfg_open
        push ecx
        add ecx, bios_info_end - bios_info
        mov eax, 16
        call table_high
        mov [ebp + 0x18], edi
        mov esi, bios_info + BIOS_BASE
        mov ecx, bios_info_end - bios_info
        rep movsb
        pop ecx
        push edi
        call fwcfg_read
        pop edx
        cmp byte [edx], 0       ; the machine has a BIOS structure after all: only its own
        jne .ours
        mov [ebp + 0x18], edx
        jmp short .sums
.ours:  add word [ebp + 0x16], bios_info_end - bios_info
        inc word [ebp + 0x1c]
        cmp word [ebp + 0x1a], bios_info_end - bios_info
        jae .sums
        mov word [ebp + 0x1a], bios_info_end - bios_info
.sums:  mov byte [ebp + 0x15], 0
        lea esi, [ebp + 0x10]
        mov ecx, 15
        call sum_bytes
        sub [ebp + 0x15], al
        mov byte [ebp + 4], 0
        mov esi, ebp
        mov ecx, 31
        call sum_bytes
        sub [ebp + 4], al
.done:  ret
.anchor: db 'etc/smbios/smbios-anchor', 0
.tables: db 'etc/smbios/smbios-tables', 0

; BIOS information (type 0).
bios_info:
        db 0, 24
        dw 0
        db 1, 2                 ; vendor, version
        dw 0xf000
        db 3, 0                 ; date, 64 KiB
        dd 0x00010090, 0        ; PCI, Plug and Play, EDD
        db 0x01, 0x04           ; ACPI; content distribution
        db 0, 0, 0xff, 0xff
        db 'tinamou', 0, '1.0', 0, '11/23/2026', 0, 0
bios_info_end:
        bits 16
