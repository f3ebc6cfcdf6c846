; INT 19h and INT 18h: what to start.

; Tries the devices of the boot order until one starts.
int19:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        mov ax, BDA_SEGMENT
        mov ds, ax
        call boot_roms
        mov al, 0x3d            ; the order: three nibbles, 1 diskette, 2 disk, 3 CD-ROM, 4 network
        call cmos_read
        mov bl, al
        mov al, 0x38
        call cmos_read
        and al, 0xf0
        shl ax, 8
        mov bh, ah
        shr bh, 4
        mov al, bl
        mov ah, bh
        and ax, 0x0fff
        jnz .next
        mov ax, 0x0002
.next:  push ax
        and al, 0x0f
        cmp al, 2
        jne .other
        call boot_disk
.other: pop ax
        shr ax, 4
        jnz .next
        int 0x18

; Starts sector 0 of the first disk; returns if there is none to start.
boot_disk:
        cmp byte [cs:disk_count], 0
        je .absent
        PRINT 'Booting from disk 80h', 13, 10
        mov di, 3
.try:   xor ax, ax
        mov es, ax
        mov bx, 0x7c00
        mov ax, 0x0201
        mov cx, 0x0001
        mov dx, 0x0080
        int 0x13
        jnc .read
        mov ah, 0
        int 0x13
        dec di
        jnz .try
        PRINT 'Disk 80h cannot be read', 13, 10
        ret
.read:  cmp word [es:0x7dfe], 0xaa55
        jne .unsigned
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        mov ax, 0xaa55
        mov cx, 0
        mov dx, 0x0080
        jmp 0:0x7c00
.unsigned:
        PRINT 'Disk 80h is not bootable', 13, 10
.absent:
        ret

int18:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        PRINT 'No bootable device', 13, 10
.sleep: hlt
        jmp short .sleep

boot_roms:
        ret
