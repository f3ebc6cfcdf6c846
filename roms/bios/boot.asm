; INT 19h and INT 18h: what to start.

PLAN_DISKETTE   equ 0x01        ; in the boot plan: drive A

; Tries the devices of the boot plan until one starts; INT 18h goes on with the next one.
int19:
        mov word [cs:boot_at], boot_plan
boot_on:
        cli
        cld
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
.next:  mov si, [cs:boot_at]
        mov al, [cs:si]
        cmp al, 0
        je boot_failed
        inc word [cs:boot_at]
        cmp al, 0x80
        jae .disk
        cmp al, PLAN_DISKETTE
        mov dl, 0
        je .boot
        call boot_rom
        jmp short .next
.disk:  mov dl, al
        cmp al, CD_DRIVE
        je .cdrom
.boot:  call boot_disk
        jmp short .next
.cdrom: call boot_cdrom
        jmp short .next

; What was started gives up.
int18:
        call emulation_end
        jmp short boot_on

; Calls the boot entry of option ROM AL - 10h.
boot_rom:
        and ax, 0x0f
        imul bx, ax, ROM_SIZE
        add bx, roms
        PRINT 'Booting from ROM '
        lea si, [bx + ROM_NAME]
        call print
        PRINT 13, 10
        mov ax, [cs:bx + ROM_BEV]
        mov [cs:far_call], ax
        mov eax, [cs:bx + ROM_ADDRESS]
        shr eax, 4
        mov [cs:far_call + 2], ax
        pusha
        push cs
        pop es
        mov di, pnp_table
        call far [cs:far_call]
        popa
        ret

; Starts sector 0 of disk DL; returns if it cannot.
boot_disk:
        mov al, dl
        PRINT 'Booting from disk '
        call print_byte
        PRINT 'h', 13, 10
        mov di, 3
.try:   xor ax, ax
        mov es, ax
        mov bx, 0x7c00
        mov ax, 0x0201
        mov cx, 0x0001
        mov dh, 0
        int 0x13
        jnc .read
        mov ah, 0
        int 0x13
        dec di
        jnz .try
        PRINT 'It cannot be read', 13, 10
        ret
.read:  cmp word [es:0x7dfe], 0xaa55
        je .signed
        test dl, dl
        jnz .unsigned
        mov al, 0x38            ; diskettes without signature are for those who want them
        call cmos_read
        test al, 1
        jz .unsigned
.signed:
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        mov ax, 0xaa55
        mov cx, 0
        jmp 0:0x7c00
.unsigned:
        PRINT 'It is not bootable', 13, 10
        ret

; ------------------------------------------------------------------------------------ option ROMs

FIRST_ROM       equ 0xc8000
END_OF_ROMS     equ 0xed000     ; the queue of virtio disks comes behind
        bits 32

; Copies the files genroms/* to memory; each takes whole KiB.
roms_load:
        mov dword [BIOS_BASE + rom_next], FIRST_ROM
        mov dword [BIOS_BASE + rom_count], 0
        mov edx, [DIRECTORY]
        mov ebx, DIRECTORY + 4
.entry: test edx, edx
        jz .done
        cmp dword [ebx + 8], 'genr'
        jne .next
        cmp dword [ebx + 12], 'oms/'
        jne .next
        push edx
        call rom_load
        pop edx
.next:  add ebx, 64
        dec edx
        jmp short .entry
.done:  ret

; The file of directory entry EBX.
rom_load:
        mov ecx, [ebx]
        bswap ecx
        mov edi, [BIOS_BASE + rom_next]
        lea eax, [edi + ecx]
        cmp eax, END_OF_ROMS
        ja .done
        cmp dword [BIOS_BASE + rom_count], MAX_ROMS
        jae .done
        mov ax, [ebx + 4]
        xchg al, ah
        call fwcfg_select
        mov esi, edi
        call fwcfg_read
        cmp word [esi], 0xaa55
        jne .done
        movzx ecx, byte [esi + 2]
        shl ecx, 9
        xor eax, eax
.sum:   add al, [esi + ecx - 1]
        loop .sum
        test al, al
        jnz .done
        imul edi, [BIOS_BASE + rom_count], ROM_SIZE
        add edi, BIOS_BASE + roms
        inc dword [BIOS_BASE + rom_count]
        mov [edi + ROM_ADDRESS], esi
        movzx ecx, byte [esi + 2]
        shl ecx, 9
        lea eax, [esi + ecx + 0x7ff]
        and eax, ~0x7ff
        mov [BIOS_BASE + rom_next], eax
        lea esi, [ebx + 16]     ; behind "genroms/"
        add edi, ROM_NAME
        mov ecx, 48
        rep movsb
.done:  ret
        bits 16

; Runs the initialisation of every ROM and looks for its boot entry.
roms_start:
        mov bx, roms
        mov cx, [cs:rom_count]
.next:  jcxz .done
        mov word [cs:far_call], 3
        mov eax, [cs:bx + ROM_ADDRESS]
        shr eax, 4
        mov [cs:far_call + 2], ax
        pushad
        push ds
        push cs
        pop es
        mov di, pnp_table
        mov bx, 0xffff
        mov dx, bx
        xor ax, ax
        call far [cs:far_call]
        cld
        pop ds
        popad
        mov es, [cs:far_call + 2]
        mov si, [es:0x1a]
        test si, si
        jz .skip
        cmp dword [es:si], '$PnP'
        jne .skip
        mov ax, [es:si + 0x1a]
        mov [cs:bx + ROM_BEV], ax
.skip:  add bx, ROM_SIZE
        dec cx
        jmp short .next
.done:  ret

; ----------------------------------------------------------------------------------- the order
        bits 32

; Appends AL to the boot plan.
boot_plan_add:
        push ebx
        mov ebx, [BIOS_BASE + boot_planned]
        cmp ebx, 31
        jae .full
        mov [BIOS_BASE + boot_plan + ebx], al
        mov byte [BIOS_BASE + boot_plan + ebx + 1], 0
        inc dword [BIOS_BASE + boot_planned]
.full:  pop ebx
        ret

BOOTORDER       equ 0x30000     ; scratch: the file bootorder
BOOTORDER_MAX   equ 0x4000
SORT_ROOM       equ 0x38000

; First the lines of the file bootorder (its disks also become the first ones), then the devices of
; the CMOS order, then other ROMs, then what nobody named. After a line HALT comes nothing else.
boot_plan_make:
        mov dword [BIOS_BASE + boot_planned], 0
        mov esi, .file + BIOS_BASE
        call fwcfg_open
        jc .cmos
        cmp ecx, BOOTORDER_MAX
        ja .cmos
        mov edi, BOOTORDER
        call fwcfg_read
        mov byte [edi], 0
        mov esi, BOOTORDER
.line:  cmp byte [esi], 0
        je .cmos
        cmp dword [esi], 'HALT'
        je .done
        call bootorder_line
.skip:  lodsb
        cmp al, 10
        je .line
        test al, al
        jnz .skip
.cmos:  mov al, 0x38            ; three nibbles: 1 diskette, 2 disk, 3 CD-ROM, 4 network
        call cmos_read32
        and al, 0xf0
        mov ah, al
        shr ah, 4
        mov dh, ah
        mov al, 0x3d
        call cmos_read32
        mov ah, dh
        test ax, ax
        jnz .device
        mov al, 2
.device:
        test ax, ax
        jz .roms
        push eax
        and al, 0x0f
        call plan_kind
        pop eax
        shr ax, 4
        jmp short .device
.roms:  xor ecx, ecx
.rom:   cmp ecx, [BIOS_BASE + rom_count]
        jae .rest
        imul edi, ecx, ROM_SIZE
        cmp byte [BIOS_BASE + roms + edi + ROM_TRIED], 0
        jne .planned
        call plan_rom
.planned:
        inc ecx
        jmp short .rom
.rest:  mov al, 1
.kind:  push eax
        call plan_kind
        pop eax
        inc al
        cmp al, 3
        jbe .kind
.done:  ret
.file:  db 'bootorder', 0

; Devices of kind AL as the CMOS numbers them, if there are any and the plan has not got them yet.
plan_kind:
        cmp al, 1
        je .diskette
        cmp al, 2
        je .disk
        cmp al, 3
        jne .done
        mov al, CD_DRIVE
        cmp byte [BIOS_BASE + cdrom_count], 0
        jmp short .there
.disk:  mov al, 0x80
        cmp byte [BIOS_BASE + disk_count], 0
        jmp short .there
.diskette:
        cmp byte [BIOS_BASE + fd_kinds], 0      ; AL is PLAN_DISKETTE
.there: je .done
        mov edi, BIOS_BASE + boot_plan
        mov ecx, [BIOS_BASE + boot_planned]
        jecxz .add
        repne scasb
        je .done
.add:   jmp boot_plan_add
.done:  ret

; ROM ECX, if it boots.
plan_rom:
        imul edi, ecx, ROM_SIZE
        mov byte [BIOS_BASE + roms + edi + ROM_TRIED], 1
        cmp word [BIOS_BASE + roms + edi + ROM_BEV], 0
        je .done
        mov al, 0x10
        add al, cl
        call boot_plan_add
.done:  ret

; A device path of the file bootorder, for example /rom@genroms/linuxboot.bin or
; /pci@i0cf8/ide@1,1/drive@0/disk@0 or /pci@i0cf8/scsi@4/disk@0,0 (virtio). Keeps ESI.
bootorder_line:
        push esi
        cmp dword [esi], '/rom'
        jne .disk
        add esi, 13             ; behind /rom@genroms/
        xor ecx, ecx
.rom:   cmp ecx, [BIOS_BASE + rom_count]
        jae .done
        imul edi, ecx, ROM_SIZE
        add edi, BIOS_BASE + roms + ROM_NAME
        push esi
.char:  mov al, [esi]
        cmp al, 10
        jne .compare
        mov al, 0
.compare:
        inc esi
        scasb
        jne .differ
        test al, al
        jnz .char
        pop esi
        call plan_rom
        jmp .done
.differ:
        pop esi
        inc ecx
        jmp short .rom
.disk:  cmp byte [esi], 10
        jbe .done
        cmp dword [esi], 'ide@'
        je .ide
        cmp dword [esi], 'scsi'
        je .virtio
        cmp dword [esi], 'age@' ; storage@ and the port
        je .usb
        cmp dword [esi], 'ppy@' ; floppy@0
        je .diskette
        inc esi
        jmp .disk
.virtio:
        add esi, 5              ; behind scsi@: the device in hexadecimal
        mov cl, 0
.digit: lodsb
        cmp al, '/'
        je .device
        cmp al, ','             ; a function other than 0
        jbe .done
        sub al, '0'
        cmp al, 10
        jb .value
        sub al, 'a' - '0' - 10
.value: shl cl, 4
        or cl, al
        jmp short .digit
.device:
        cmp dword [esi], 'disk' ; otherwise it is an adapter
        jne .done
        mov al, cl
        or al, DISK_VIRTIO
        jmp short .search
.diskette:
        cmp word [esi + 4], '0' | 10 << 8
        jne .done
        cmp byte [BIOS_BASE + fd_kinds], 0
        je .done
        mov al, PLAN_DISKETTE
        call boot_plan_add
        jmp .done
.usb:   mov al, [esi + 4]
        sub al, '1' - USB_DISK
        jmp .search
.ide:   cmp byte [esi], 10      ; the first digit after drive@ is the channel, after disk@ the unit
        jbe .done
        cmp dword [esi], 'ive@'
        je .channel
        inc esi
        jmp short .ide
.channel:
        cmp dword [esi + 5], '/dis'
        jne .done
        mov al, [esi + 4]
        sub al, '0'
        add al, al
        add al, [esi + 11]
        sub al, '0'
.search:
        xor ecx, ecx
        mov cl, [BIOS_BASE + disks_sorted]
.find:  cmp cl, [BIOS_BASE + disk_count]
        jae .no_disk
        imul edi, ecx, D_SIZE
        cmp al, [BIOS_BASE + disks + edi + D_NUMBER]
        je .found
        inc ecx
        jmp short .find
.no_disk:
        cmp byte [BIOS_BASE + cdrom_count], 0
        je .done
        cmp al, [BIOS_BASE + cdroms + D_NUMBER]
        jne .done
        mov al, CD_DRIVE
        call boot_plan_add
        jmp .done
.found: call disk_first
        call boot_plan_add
.done:  pop esi
        ret

; Disk ECX comes before the others, but behind those that came here earlier. AL = its number.
disk_first:
        imul esi, ecx, D_SIZE
        add esi, BIOS_BASE + disks
        mov edi, SORT_ROOM
        mov ecx, D_SIZE
        push esi
        rep movsb
        pop edi                 ; its place; those between move one up
        movzx eax, byte [BIOS_BASE + disks_sorted]
        imul ebx, eax, D_SIZE
        add ebx, BIOS_BASE + disks
        mov ecx, edi
        sub ecx, ebx
        lea esi, [edi - 1]
        lea edi, [edi + D_SIZE - 1]
        std
        rep movsb
        cld
        mov esi, SORT_ROOM
        mov edi, ebx
        mov ecx, D_SIZE
        rep movsb
        inc byte [BIOS_BASE + disks_sorted]
        or al, 0x80
        ret
        bits 16

; Plug and Play installation check (Plug and Play BIOS 1.0A): no functions.
        align 16
pnp_table:
        db '$PnP', 0x10, 0x21
        dw 0
        db 0                    ; checksum: the build fills it in
        dd 0
        dw pnp_entry, BIOS_SEGMENT
        dw pnp_entry
        dd BIOS_BASE
        dd 0
        dw 0
        dd 0
pnp_entry:
        mov ax, 0x82
        retf
