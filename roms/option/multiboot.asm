; Option ROM that starts a multiboot kernel which the machine got on its command line (-kernel).
; The kernel image (with modules and command lines behind it) and the information structure come
; from the firmware configuration device; the memory map is the firmware's (INT 15h E820) and goes
; right below the structure. Spec: Multiboot 0.6.96, sections 3.2 and 3.3.
        cpu 386
        bits 16
        org 0
ROM_SIZE        equ 1024
%define ROM_NAME 'multiboot loader'
%include "fwcfg.inc"
MBI_FLAGS       equ 0
MBI_LOWER       equ 4
MBI_UPPER       equ 8
MBI_MAP_LENGTH  equ 44
MBI_MAP         equ 48
FLAG_MEMORY     equ 1
FLAG_MAP        equ 1 << 6
MAP_ROOM        equ 0x500
MAGIC           equ 0x2badb002


boot:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        call open_memory
        mov si, .info
        call fw_load
        push eax
        mov ebx, eax            ; DS:0 = the structure, FS:0 = the map
        shr ebx, 4
        mov ds, bx
        sub eax, MAP_ROOM
        mov [MBI_MAP], eax
        shr eax, 4
        mov fs, ax
        call memory_map
        int 0x12
        movzx eax, ax
        mov [MBI_LOWER], eax
        or dword [MBI_FLAGS], FLAG_MEMORY | FLAG_MAP
        call open_memory        ; the firmware may have used other segments
        mov si, .kernel
        call fw_load
        mov ax, FW_KERNEL_ENTRY
        call fw_dword
        pop ebx
        mov ecx, eax
        call load_gdt
        xor eax, eax
        mov ax, cs
        shl eax, 4
        add eax, .flat
        push dword 0x08
        push eax
        mov eax, cr0
        or al, 1
        mov cr0, eax
        o32 retf
        bits 32
.flat:  mov eax, 0x10
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov eax, MAGIC
        jmp ecx
        bits 16
.info:  dw FW_INITRD_ADDR, FW_INITRD_SIZE, FW_INITRD_DATA
.kernel:
        dw FW_KERNEL_ADDR, FW_KERNEL_SIZE, FW_KERNEL_DATA

; Writes the map to FS:0 in multiboot's form, its length and the memory above 1 MiB to DS.
memory_map:
        push es
        push fs
        pop es
        xor ebx, ebx
        xor di, di
.next:  mov dword [es:di], 20   ; an entry has its size in front
        add di, 4
        mov eax, 0xe820
        mov edx, 0x534d4150     ; SMAP
        mov ecx, 20
        push ds
        push di
        int 0x15
        pop di
        pop ds
        jc .end
        cmp dword [es:di + 16], 1
        jne .other
        cmp dword [es:di], 0x100000
        jne .other
        cmp dword [es:di + 4], 0
        jne .other
        mov eax, [es:di + 8]
        shr eax, 10
        mov [MBI_UPPER], eax
.other: add di, 20
        test ebx, ebx
        jnz .next
        add di, 4
.end:   sub di, 4
        movzx edi, di
        mov [MBI_MAP_LENGTH], edi
        pop es
        ret

        ROM_END
