; CD-ROM drives on IDE: reading by ATAPI packets, INT 13h on drive E0h, starting from El Torito disks.
; Spec: ATA/ATAPI-4 (PACKET), SFF-8020i, El Torito 1.0, EDD 3.0.
; Boot images that pretend to be a diskette or a hard disk are in eltorito.asm. Not here: writing,
; ejecting.

CD_DRIVE        equ 0xe0
CD_SECTOR       equ 2048
CD_BURST        equ 16          ; sectors to a command
BOOT_RECORD     equ 17          ; its sector
CATALOG_SEGMENT equ 0x2000      ; scratch before booting

PACKET_SENSE    equ 0x03
PACKET_CAPACITY equ 0x25
PACKET_READ     equ 0x28

; ---------------------------------------------------------------------------------- the drive

; POST: whether the drive of record CS:BX, which is no ATA disk, is a CD-ROM. CF if not.
cdrom_identify:
        mov dx, [cs:bx + D_BASE]
        add dx, 4
        in al, dx
        mov ah, al
        inc dx
        in al, dx
        cmp ax, 0x14eb          ; the signature of packet devices
        jne .none
        add dx, 2
        mov al, 0xa1            ; IDENTIFY PACKET DEVICE
        out dx, al
        in al, dx
        call disk_wait
        jc .none
        test al, 0x08
        jz .none
        mov ax, IDENTIFY_SEGMENT
        mov es, ax
        xor di, di
        sub dx, 7
        mov cx, 256
        rep insw
        mov al, [es:1]          ; command set 5: CD-ROM
        and al, 0x1f
        cmp al, 5
        jne .none
        push ds
        push es
        pop ds
        call disk_model
        pop ds
        clc
        ret
.none:  stc
        ret

; Sends io_packet to the CD-ROM CS:BX. CF and AH on an error, else AL = its status.
atapi_send:
        mov dx, [cs:bx + D_BASE]
        add dx, 6
        mov al, [cs:bx + D_SELECT]
        out dx, al
        call disk_idle
        jc .out
        sub dx, 5               ; features: no DMA
        mov al, 0
        out dx, al
        add dx, 3               ; at most a sector at a time
        out dx, al
        inc dx
        mov al, CD_SECTOR >> 8
        out dx, al
        add dx, 2
        mov al, 0xa0
        out dx, al
        call atapi_ready
        jc .out
        push si
        mov si, io_packet
        mov dx, [cs:bx + D_BASE]
        mov cx, 6
        cs rep outsw
        pop si
        call atapi_ready
.out:   ret

; Waits 400 ns and then until the device is no longer busy, as disk_wait.
atapi_ready:
        mov dx, [cs:bx + D_CONTROL]
        in al, dx
        jmp disk_wait

; Sends io_packet to the CD-ROM CS:BX; what it answers goes to ES:DI on. CF and AH on an error.
atapi_packet:
        call atapi_send
.data:  jc .out
        test al, 0x08
        jz .out                 ; CF is clear
        mov dx, [cs:bx + D_BASE]
        add dx, 4
        in al, dx
        mov ah, al
        inc dx
        in al, dx
        xchg al, ah
        mov cx, ax
        inc cx
        shr cx, 1
        sub dx, 5
        push di
        rep insw
        pop di
        shr ax, 4
        mov cx, es
        add ax, cx
        mov es, ax
        call atapi_ready
        jmp short .data
.out:   ret

; Clears the packet and gives it the command AL. Changes CX, DI.
packet_new:
        push es
        push ax
        push cs
        pop es
        mov di, io_packet
        mov cx, 6
        xor ax, ax
        rep stosw
        pop ax
        pop es
        mov [cs:io_packet], al
        ret

; Reads SI sectors from EAX of the CD-ROM CS:BX to ES:DI. CF and AH on an error.
cdrom_read:
        mov [cs:io_lba], eax
        mov [cs:io_left], si
        mov ax, di              ; so that the offset cannot wrap
        shr ax, 4
        mov dx, es
        add ax, dx
        mov es, ax
        and di, 15
.chunk: mov si, [cs:io_left]
        xor ah, ah
        test si, si
        jz .out
        cmp si, CD_BURST
        jbe .send
        mov si, CD_BURST
.send:  mov byte [cs:io_op], 4  ; tries: a new medium announces itself by an error
.try:   push di
        mov al, PACKET_READ
        call packet_new
        pop di
        mov eax, [cs:io_lba]
        bswap eax
        mov [cs:io_packet + 2], eax
        mov ax, si
        mov [cs:io_packet + 8], al
        push es
        push di
        call atapi_packet
        pop di
        jnc .read
        pop es
        dec byte [cs:io_op]
        jz .failed
        call cdrom_sense
        jmp short .try
.read:  add sp, 2
        movzx eax, si
        add [cs:io_lba], eax
        sub [cs:io_left], si
        jmp short .chunk
.failed:
        stc
.out:   ret

; Asks for the reason of the last error, which forgets it.
cdrom_sense:
        push es
        push di
        push si
        mov al, PACKET_SENSE
        call packet_new
        mov byte [cs:io_packet + 4], 18
        push cs
        pop es
        mov di, scratch
        call atapi_packet
        pop si
        pop di
        pop es
        ret

; ------------------------------------------------------------------------------ INT 13h, drive E0h

cdrom_service:
        cmp byte [cs:cdrom_count], 0
        je int13.absent
        mov bx, cdroms
        cmp ah, 0x00
        je disk_ok
        cmp ah, 0x01
        je disk_status
        cmp ah, 0x41
        je edd_check
        cmp ah, 0x42
        je .read
        cmp ah, 0x43
        je .protected
        cmp ah, 0x44
        je disk_ok
        cmp ah, 0x47
        je disk_ok
        cmp ah, 0x48
        je .parameters
        cmp ah, 0x4b
        je .emulation
        jmp int13.bad
.protected:
        mov ah, 0x03
        jmp disk_fail

.read:  mov fs, [bp + F_DS]
        mov di, [bp + F_SI]
        mov ah, DISK_BAD_CALL
        cmp byte [fs:di], 16
        jb disk_fail
        mov si, [fs:di + 2]
        mov eax, [fs:di + 8]
        les di, [fs:di + 4]
        push si
        call cdrom_read
        pop cx
        jnc disk_ok
        mov di, [bp + F_SI]
        sub cx, [cs:io_left]
        mov [fs:di + 2], cx
        jmp disk_fail

.parameters:
        push cs
        pop es
        mov al, PACKET_CAPACITY
        call packet_new
        mov di, scratch
        mov dword [cs:scratch], -2
        call atapi_packet
        mov es, [bp + F_DS]
        mov di, [bp + F_SI]
        mov ah, DISK_BAD_CALL
        cmp word [es:di], 26
        jb disk_fail
        mov ax, 26
        stosw
        mov ax, 0x0074          ; removable, can report changes and be locked, no geometry
        stosw
        mov eax, -1
        stosd
        stosd
        stosd
        mov eax, [cs:scratch]   ; the last sector's number
        bswap eax
        inc eax
        stosd
        xor eax, eax
        stosd
        mov ax, CD_SECTOR
        stosw
        jmp disk_ok

; AH=4Bh: the boot image's packet; AL=0 ends the emulation of a disk.
.emulation:
        cmp al, 1
        ja int13.bad
        je .packet
        call emulation_end
.packet:
        mov es, [bp + F_DS]
        mov di, [bp + F_SI]
        mov si, cd_packet
        mov cx, 19
        cs rep movsb
        mov byte [bp + F_AL], 0
        jmp disk_ok

; ------------------------------------------------------------------------------------------- boot

; Starts the first CD-ROM's boot image; returns if it cannot.
boot_cdrom:
        PRINT 'Booting from CD-ROM', 13, 10
        mov eax, BOOT_RECORD
        call .sector
        jc .unreadable
        cmp dword [es:1], 'CD00'
        jne .none
        mov si, .name
        mov di, 7
        mov cx, 23
        cs repe cmpsb
        jne .none
        mov eax, [es:0x47]      ; the boot catalogue
        call .sector
        jc .unreadable
        cmp byte [es:0], 1      ; validation entry
        jne .none
        cmp word [es:0x1e], 0xaa55
        jne .none
        cmp byte [es:0x20], 0x88        ; default entry: bootable
        jne .none
        mov al, [es:0x21]
        and al, 0x0f
        cmp al, 4
        ja .none
        test al, al             ; 1 to 3: a diskette, 4: a hard disk
        jnz .emulated
        mov ax, [es:0x22]
        test ax, ax
        jnz .segment
        mov ax, 0x07c0
.segment:
        mov cx, [es:0x26]
        mov edx, [es:0x28]
        mov byte [cs:cd_packet], 19
        mov byte [cs:cd_packet + 1], 0
        mov byte [cs:cd_packet + 2], CD_DRIVE
        mov [cs:cd_packet + 4], edx
        mov [cs:cd_packet + 12], ax
        mov [cs:cd_packet + 14], cx
        mov es, ax
        push ax
        mov eax, edx
        mov si, cx              ; counted in 512 bytes
        add si, 3
        shr si, 2
        xor di, di
        mov bx, cdroms
        call cdrom_read
        pop bx
        jc .unreadable
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov dx, CD_DRIVE
        push bx
        push word 0
        mov ax, 0xaa55
        retf
.unreadable:
        PRINT 'No disc in it can be read', 13, 10
        ret
.emulated:
        call boot_emulated      ; comes back if it cannot
        jmp short .unreadable
.none:  PRINT 'It is not bootable', 13, 10
        ret
.sector:
        mov bx, CATALOG_SEGMENT
        mov es, bx
        mov bx, cdroms
        xor di, di
        mov si, 1
        push es
        call cdrom_read
        pop es
        ret
.name:  db 'EL TORITO SPECIFICATION'
