; INT 13h on hard disks: cylinder-head-sector calls and Enhanced Disk Drive 3.0 (41h-48h).
; IDE disks by PIO only, 28 and 48 bit addresses; virtio disks are in virtio.asm, USB disks in
; usb-disk.asm, drive E0h in cdrom.asm, the boot image of a CD-ROM in eltorito.asm,
; diskette drives in diskette.asm.

D_BASE          equ 0           ; I/O port of the command block
D_CONTROL       equ 2
D_SELECT        equ 4           ; device register: A0h, B0h; 0 is a virtio or USB disk
D_LBA48         equ 5
D_CYLINDERS     equ 6           ; as programs see them
D_HEADS         equ 8
D_SPT           equ 10
D_P_CYLINDERS   equ 12          ; as the disk names them
D_P_HEADS       equ 14
D_P_SPT         equ 16
D_NUMBER        equ 18          ; 0..3: channel * 2 + unit; DISK_VIRTIO + PCI device;
                                ; USB_DISK + port
D_SECTORS       equ 20          ; 64 bits
D_MODEL         equ 28          ; 40 characters
D_SIZE          equ 72
IDE_UNITS       equ 4
DISK_VIRTIO     equ 0x80

OP_READ         equ 0
OP_WRITE        equ 1
OP_VERIFY       equ 2

; Status in AH.
DISK_BAD_CALL   equ 0x01
DISK_NOT_FOUND  equ 0x04
DISK_NO_LOCK    equ 0xb0
DISK_TIMEOUT    equ 0x80
DISK_ERROR      equ 0x20
DISK_BAD_SECTOR equ 0x0a

int13:
        SERVICE_ENTER
        sti
        test dl, dl
        jns .diskette
        cmp dl, CD_DRIVE
        je cdrom_service
        mov bx, dx
        and bx, 0x7f
        cmp byte [cs:emulated_spt], 0
        je .number
        cmp byte [cs:emulated_drive], 0
        je .number
        dec bl                  ; the others come behind the disc's hard disk
        js emulated_service
.number:
        cmp bl, [cs:disk_count]
        jae .absent
        imul bx, bx, D_SIZE
        add bx, disks           ; CS:BX = the disk from here on
        cmp ah, 0x4e
        ja .bad
        cmp ah, 0x41
        jae .extended
        cmp ah, 0x15
        ja .bad
        movzx si, ah
        add si, si
        jmp [cs:.table + si]
.extended:
        movzx si, ah
        add si, si
        jmp [cs:.extensions - 0x41 * 2 + si]

.diskette:
        test dl, dl
        jnz .drive
        cmp byte [cs:emulated_spt], 0
        je .drive
        cmp byte [cs:emulated_drive], 0
        je emulated_service
.drive: movzx bx, dl
        cmp bl, 1
        ja .none
        cmp byte [cs:fd_kinds + bx], 0
        jne diskette_service
.none:  cmp ah, 0
        je disk_ok
        cmp ah, 0x15            ; no such drive
        jne .absent
        mov byte [bp + F_AH], 0
        and byte [bp + F_FLAGS], ~FLAG_CF
        SERVICE_LEAVE
.absent:
        mov ah, DISK_BAD_CALL
        cmp byte [bp + F_AH], 8
        jne disk_fail
        mov ah, 7
        mov byte [bp + F_DL], 0
        jmp disk_fail
.bad:   mov ah, DISK_BAD_CALL
        jmp disk_fail

        align 2
.table: dw disk_reset, disk_status, disk_read, disk_write, disk_verify, .bad, .bad, .bad
        dw disk_parameters, disk_ok, .bad, .bad, disk_ok, disk_reset, .bad, .bad
        dw disk_ok, disk_ok, .bad, .bad, disk_ok, disk_type
.extensions:
        dw edd_check, edd_read, edd_write, edd_verify, edd_lock, edd_eject, edd_verify
        dw edd_parameters, .bad, .bad, .bad, .bad, .bad, disk_ok

; Every call ends in one of these: AH = status.
disk_ok:
        xor ah, ah
disk_done:
        mov [BDA_DISK_STATUS], ah
        mov [bp + F_AH], ah
        and byte [bp + F_FLAGS], ~FLAG_CF
        test ah, ah
        jz .leave
        or byte [bp + F_FLAGS], FLAG_CF
.leave: SERVICE_LEAVE
disk_fail       equ disk_done

disk_reset:
        jmp short disk_ok

; AH=01h: how the last call ended.
disk_status:
        mov ah, [BDA_DISK_STATUS]
        jmp short disk_done

disk_read:
        mov al, OP_READ
        jmp short disk_chs
disk_write:
        mov al, OP_WRITE
        jmp short disk_chs
disk_verify:
        mov al, OP_VERIFY
; AH=02h-04h: F_AL sectors from cylinder CH + bits 7-6 of CL, sector CL, head DH; ES:F_BX.
disk_chs:
        movzx si, byte [bp + F_AL]
        mov ah, DISK_BAD_CALL
        test si, si
        jz disk_fail
        cmp si, 128
        ja disk_fail
        push ax
        movzx eax, byte [bp + F_CH]
        mov ah, [bp + F_CL]
        shr ah, 6
        movzx ecx, byte [bp + F_CL]
        and cl, 0x3f
        jz .bad
        cmp cx, [cs:bx + D_SPT]
        ja .bad
        cmp ax, [cs:bx + D_CYLINDERS]
        jae .bad
        movzx edx, byte [bp + F_DH]
        cmp dx, [cs:bx + D_HEADS]
        jae .bad
        push edx
        movzx edx, word [cs:bx + D_HEADS]
        imul eax, edx
        pop edx
        add eax, edx
        movzx edx, word [cs:bx + D_SPT]
        imul eax, edx
        add eax, ecx
        dec eax
        pop cx                  ; CL = operation
        xor edx, edx
        mov di, [bp + F_BX]
        mov es, [bp + F_ES]
        push si
        call disk_io
        pop cx
        sub cx, si
        mov [bp + F_AL], cl
        jmp disk_done
.bad:   pop ax
        mov ah, DISK_NOT_FOUND
        jmp disk_fail

; AH=08h
disk_parameters:
        mov ax, [cs:bx + D_CYLINDERS]
        dec ax
        mov [bp + F_CH], al
        shl ah, 6
        or ah, [cs:bx + D_SPT]
        mov [bp + F_CL], ah
        mov al, [cs:bx + D_HEADS]
        dec al
        mov [bp + F_DH], al
        mov al, [BDA_DISKS]
        mov [bp + F_DL], al
        mov byte [bp + F_AL], 0
        jmp disk_ok

; AH=15h: a hard disk of CX:DX sectors.
disk_type:
        mov ax, [cs:bx + D_CYLINDERS]
        dec ax
        mul word [cs:bx + D_HEADS]
        movzx ecx, word [cs:bx + D_SPT]
        shl edx, 16
        mov dx, ax
        imul edx, ecx
        mov [bp + F_DX], dx
        shr edx, 16
        mov [bp + F_CX], dx
        mov byte [BDA_DISK_STATUS], 0
        mov byte [bp + F_AH], 3
        and byte [bp + F_FLAGS], ~FLAG_CF
        SERVICE_LEAVE

; -------------------------------------------------------------------------------- EDD extensions

; AH=41h: version 3.0; packet access, locking and drive parameters.
edd_check:
        cmp word [bp + F_BX], 0x55aa
        mov ah, DISK_BAD_CALL
        jne disk_fail
        mov word [bp + F_BX], 0xaa55
        mov word [bp + F_CX], 0x0007
        mov byte [BDA_DISK_STATUS], 0
        mov byte [bp + F_AH], 0x30
        and byte [bp + F_FLAGS], ~FLAG_CF
        SERVICE_LEAVE

edd_read:
        mov cl, OP_READ
        jmp short edd_transfer
edd_write:
        mov cl, OP_WRITE
        jmp short edd_transfer
edd_verify:
        cmp byte [bp + F_AH], 0x47      ; seek: nothing moves
        je disk_ok
        mov cl, OP_VERIFY
; The packet at the caller's DS:SI: size, 0, count, buffer, LBA.
edd_transfer:
        mov fs, [bp + F_DS]
        mov di, [bp + F_SI]
        mov ah, DISK_BAD_CALL
        cmp byte [fs:di], 16
        jb disk_fail
        mov si, [fs:di + 2]
        mov eax, [fs:di + 8]
        mov edx, [fs:di + 12]
        push eax                ; within the disk?
        push edx
        push ecx
        movzx ecx, si
        add eax, ecx
        adc edx, 0
        sub eax, [cs:bx + D_SECTORS]
        sbb edx, [cs:bx + D_SECTORS + 4]
        mov ecx, eax
        or ecx, edx
        cmp edx, 0
        jl .fits
        test ecx, ecx
        jz .fits
        pop ecx
        pop edx
        pop eax
        mov word [fs:di + 2], 0
        mov ah, DISK_NOT_FOUND
        jmp disk_fail
.fits:  pop ecx
        pop edx
        pop eax
        test si, si
        jz disk_ok
        push di
        push si
        les di, [fs:di + 4]
        call disk_io
        pop cx
        pop di
        mov fs, [bp + F_DS]
        test ah, ah
        jz disk_ok
        sub cx, si
        mov [fs:di + 2], cx
        jmp disk_done

; AH=45h: a fixed disk cannot be locked nor ejected.
edd_lock:
edd_eject:
        mov ah, DISK_BAD_CALL
        jmp disk_fail

; AH=48h: parameters at the caller's DS:SI.
edd_parameters:
        mov es, [bp + F_DS]
        mov di, [bp + F_SI]
        mov dx, [es:di]
        mov ah, DISK_BAD_CALL
        cmp dx, 26
        jb disk_fail
        mov cx, 26
        cmp dx, 30
        jb .size
        mov cx, 30
        cmp dx, 66
        jb .size
        test byte [cs:bx + D_NUMBER], DISK_VIRTIO
        jnz .size               ; the path of a virtio disk has no name
        mov cx, 66
.size:  mov ax, cx
        stosw
        mov ax, 2               ; geometry is valid
        stosw
        movzx eax, word [cs:bx + D_P_CYLINDERS]
        stosd
        movzx eax, word [cs:bx + D_P_HEADS]
        stosd
        movzx eax, word [cs:bx + D_P_SPT]
        stosd
        mov eax, [cs:bx + D_SECTORS]
        stosd
        mov eax, [cs:bx + D_SECTORS + 4]
        stosd
        mov ax, 512
        stosw
        cmp cx, 30
        jb disk_ok
        mov eax, -1             ; no table of interface details
        stosd
        cmp cx, 66
        jb disk_ok
        push di
        mov si, .path
        mov cx, 36
        cs rep movsb
        pop di
        mov al, [cs:bx + D_NUMBER]
        mov ah, al
        test al, USB_DISK
        jnz .usb
        shr al, 1
        and ah, 1
        mov [es:di + 21], al    ; channel
        mov [es:di + 26], ah    ; unit
        jmp short .summed
.usb:   mov dword [es:di + 10], 'USB '
        mov byte [es:di + 20], 2        ; function; its serial number is not known
.summed:
        mov cx, 35
        xor al, al
.sum:   sub al, [es:di]
        inc di
        loop .sum
        mov [es:di], al
        jmp disk_ok
.path:  dw 0xbedd
        db 36, 0
        dw 0
        db 'PCI ', 'ATA     '
        db 0, 1, 1, 0, 0, 0, 0, 0       ; bus 0, slot 1, function 1, channel
        dd 0, 0, 0
        db 0

; ------------------------------------------------------------------------------------ the drive

; Moves SI sectors from EDX:EAX between disk CS:BX and ES:DI; CL = operation.
; AH = status, SI = sectors left over. Keeps BX, BP and DS.
disk_io:
        test byte [cs:bx + D_NUMBER], DISK_VIRTIO
        jnz virtio_io
        mov [cs:io_op], cl
        mov [cs:io_left], si
        mov [cs:io_lba], eax
        mov [cs:io_lba + 4], edx
        mov ax, di              ; so that the offset cannot wrap
        shr ax, 4
        mov dx, es
        add ax, dx
        mov es, ax
        and di, 15
        cmp word [cs:bx + D_BASE], 0
        je usb_disk_io
.chunk: xor ah, ah
        mov si, [cs:io_left]
        test si, si
        jz .out
        cmp si, 128
        jbe .send
        mov si, 128
.send:  mov [cs:io_chunk], si
        call disk_command
        jc .out
.sector:
        call disk_wait
        jc .out
        mov dx, [cs:bx + D_BASE]
        mov cx, 256
        cmp byte [cs:io_op], OP_WRITE
        ja .verified
        test al, 0x08
        mov ah, DISK_ERROR
        jz .out
        cmp byte [cs:io_op], OP_WRITE
        je .write
        rep insw
        and di, 15
        jmp short .moved
.write: push si
        push ds
        mov si, di
        push es
        pop ds
        rep outsw
        pop ds
        pop si
.moved: mov ax, es
        add ax, 0x20
        mov es, ax
        dec word [cs:io_left]
        dec si
        jnz .sector
        call disk_wait          ; the last sector of a write may still fail
        jc .out
        jmp short .advance
.verified:
        sub [cs:io_left], si    ; moves no data and ends all sectors at once
.advance:
        movzx eax, word [cs:io_chunk]
        add [cs:io_lba], eax
        adc dword [cs:io_lba + 4], 0
        jmp .chunk
.out:   mov si, [cs:io_left]
        ret

; Sends the command of io_op for SI sectors from io_lba. CF and AH on an error.
disk_command:
        call disk_idle
        jc .out
        mov dx, [cs:bx + D_BASE]
        movzx ecx, si
        mov eax, [cs:io_lba]
        add ecx, eax
        jc .long
        cmp ecx, 0x0fffffff
        ja .long
        cmp dword [cs:io_lba + 4], 0
        jne .long
        rol eax, 8
        and al, 0x0f
        or al, [cs:bx + D_SELECT]
        or al, 0x40
        call .select
        jc .out
        call .low
        movzx si, byte [cs:io_op]
        mov al, [cs:.short_commands + si]
        jmp short .command
.long:  mov al, [cs:bx + D_SELECT]
        or al, 0x40
        call .select
        jc .out
        add dx, 2               ; the upper halves go first
        mov al, 0
        out dx, al
        inc dx
        mov al, [cs:io_lba + 3]
        out dx, al
        inc dx
        mov al, [cs:io_lba + 4]
        out dx, al
        inc dx
        mov al, [cs:io_lba + 5]
        out dx, al
        sub dx, 5
        call .low
        movzx si, byte [cs:io_op]
        mov al, [cs:.long_commands + si]
.command:
        add dx, 7
        out dx, al
        mov si, [cs:io_chunk]
        mov dx, [cs:bx + D_CONTROL]
        in al, dx               ; 400 ns
        clc
.out:   ret
.select:
        add dx, 6
        out dx, al
        sub dx, 6
        jmp disk_idle
.low:   add dx, 2
        mov ax, [cs:io_chunk]
        out dx, al
        inc dx
        mov eax, [cs:io_lba]
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        inc dx
        shr eax, 16
        out dx, al
        sub dx, 5
        ret
.short_commands:
        db 0x20, 0x30, 0x40
.long_commands:
        db 0x24, 0x34, 0x42

; Waits until the selected drive is not busy. AL = its status; CF and AH if that lasts 10 s.
disk_idle:
        push cx
        push dx
        mov dx, [cs:bx + D_BASE]
        add dx, 7
        mov ch, 182
        mov cl, [BDA_TICKS]
.poll:  in al, dx
        test al, 0x80
        jz .ready
        cmp cl, [BDA_TICKS]
        je .poll
        mov cl, [BDA_TICKS]
        dec ch
        jnz .poll
        mov ah, DISK_TIMEOUT
        stc
.ready: pop dx
        pop cx
        ret

; The same, and CF and AH if the command failed.
disk_wait:
        call disk_idle
        jc .out
        test al, 0x21
        jz .out
        mov ah, DISK_ERROR
        test al, 0x20
        jnz .fail
        push dx
        mov dx, [cs:bx + D_BASE]
        inc dx
        in al, dx
        pop dx
        test al, 0x10
        mov ah, DISK_NOT_FOUND
        jnz .fail
        mov ah, DISK_ERROR
        test al, 0x40
        jz .fail
        mov ah, 0x10            ; uncorrectable
.fail:  stc
.out:   ret

; ------------------------------------------------------------------------------------------- POST

; Finds the disks of both channels, then those of virtio. DS = BIOS data area.
disk_init:
        mov byte [cs:disk_count], 0
        mov byte [cs:cdrom_count], 0
        mov word [cs:disk_next], disks
        xor bp, bp              ; channel * 2 + unit
.drive: mov bx, [cs:disk_next]
        mov cx, D_SIZE
        mov di, bx
        push cs
        pop es
        xor al, al
        rep stosb
        mov word [cs:bx + D_BASE], 0x1f0
        mov word [cs:bx + D_CONTROL], 0x3f6
        mov ax, bp
        mov [cs:bx + D_NUMBER], al
        test al, 2
        jz .first
        mov word [cs:bx + D_BASE], 0x170
        mov word [cs:bx + D_CONTROL], 0x376
.first: shl al, 4
        and al, 0x10
        or al, 0xa0
        mov [cs:bx + D_SELECT], al
        call disk_identify
        jc .packet
        call disk_describe
        inc byte [cs:disk_count]
        add word [cs:disk_next], D_SIZE
        jmp short .next
.packet:
        call cdrom_identify
        jc .next
        movzx di, byte [cs:cdrom_count]
        inc byte [cs:cdrom_count]
        imul di, di, D_SIZE
        add di, cdroms
        push ds
        push cs
        pop ds
        push cs
        pop es
        mov si, bx
        mov cx, D_SIZE
        rep movsb
        pop ds
.next:  inc bp
        cmp bp, IDE_UNITS
        jb .drive
        call virtio_init
        mov al, [cs:disk_count]
        mov [BDA_DISKS], al
        ret

; The parameter tables that INT 41h and 46h point to, in the extended BIOS data area.
disk_tables:
        push ds
        mov ax, EBDA_SEGMENT
        mov es, ax
        xor ax, ax
        mov ds, ax
        mov di, EBDA_DISKS
        mov bx, disks
        mov si, 0x41 * 4
.disk:  mov [si], di
        mov [si + 2], es
        mov ax, [cs:bx + D_CYLINDERS]
        stosw
        mov al, [cs:bx + D_HEADS]
        stosb
        cmp al, 9
        cmc
        mov al, 0
        rcl al, 4               ; control byte: more than 8 heads
        mov cl, al
        xor ax, ax
        stosw
        stosw
        stosb
        mov al, cl
        or al, 0xc0
        stosb
        xor ax, ax
        stosw
        stosb
        mov ax, [cs:bx + D_CYLINDERS]
        stosw
        mov al, [cs:bx + D_SPT]
        stosb
        mov al, 0
        stosb
        add bx, D_SIZE
        add si, (0x46 - 0x41) * 4
        cmp si, 0x46 * 4
        jbe .disk
        pop ds
        ret

IDENTIFY_SEGMENT equ 0x2000

; CF clear if disk CS:BX is an ATA disk; its identification is at IDENTIFY_SEGMENT:0.
disk_identify:
        test bp, 1
        jnz .select             ; a channel is reset once
        mov dx, [cs:bx + D_CONTROL]
        mov al, 0x0e
        out dx, al
        in al, dx
        mov al, 0x08
        out dx, al
        in al, dx
.select:
        mov dx, [cs:bx + D_BASE]
        add dx, 6
        mov al, [cs:bx + D_SELECT]
        out dx, al
        inc dx
        in al, dx
        cmp al, 0xff
        je .none
        call disk_idle
        jc .none
        sub dx, 5               ; registers that keep what is written belong to a drive
        mov al, 0x55
        out dx, al
        inc dx
        mov al, 0xaa
        out dx, al
        dec dx
        in al, dx
        cmp al, 0x55
        jne .none
        add dx, 5
        mov al, 0xec
        out dx, al
        in al, dx
        test al, al
        jz .none
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
        add dx, 7
        in al, dx
        clc
        ret
.none:  stc
        ret

; Fills in disk CS:BX from its identification.
disk_describe:
        push ds
        push bp
        mov ax, IDENTIFY_SEGMENT
        mov ds, ax
        mov ax, [1 * 2]
        mov [cs:bx + D_P_CYLINDERS], ax
        mov ax, [3 * 2]
        mov [cs:bx + D_P_HEADS], ax
        mov ax, [6 * 2]
        mov [cs:bx + D_P_SPT], ax
        mov eax, [60 * 2]
        xor edx, edx
        test byte [83 * 2 + 1], 0x04
        jz .size
        mov byte [cs:bx + D_LBA48], 1
        mov eax, [100 * 2]
        mov edx, [102 * 2]
.size:  mov [cs:bx + D_SECTORS], eax
        mov [cs:bx + D_SECTORS + 4], edx
        call disk_model
        call disk_geometry
        pop bp
        pop ds
        ret

; The model's name from the identification at DS:0, whose bytes are swapped.
disk_model:
        mov si, 27 * 2
        mov cx, 20
        lea di, [bx + D_MODEL]
.next:  lodsw
        xchg al, ah
        mov [cs:di], ax
        add di, 2
        loop .next
        ret

; The geometry programs see, by the translation that CMOS names: 0 none, 1 LBA, 2 large, 3 revised.
; It names none for virtio and USB disks: they need none, or LBA.
disk_geometry:
        mov al, 0
        cmp word [cs:bx + D_P_CYLINDERS], 1024
        jbe .unnamed
        inc ax
.unnamed:
        cmp byte [cs:bx + D_SELECT], 0
        je .translation
        mov al, 0x39
        call cmos_read
        mov cl, [cs:bx + D_NUMBER]
        add cl, cl
        shr al, cl
        and al, 3
.translation:
        movzx ecx, word [cs:bx + D_P_CYLINDERS]
        mov dx, [cs:bx + D_P_HEADS]
        mov si, [cs:bx + D_P_SPT]
        test si, si
        jz .lba
        cmp al, 1
        jb .set
        je .lba
        cmp al, 3
        jne .large
        cmp dx, 16
        jne .large
        dec dx
        shl ecx, 4
        mov eax, ecx
        push edx
        xor edx, edx
        mov ecx, 15
        div ecx
        pop edx
        mov ecx, eax
.large: cmp ecx, 1024
        jbe .set
        cmp dx, 127
        ja .set
        shr ecx, 1
        add dx, dx
        jmp short .large
.lba:   mov si, 63
        mov eax, [cs:bx + D_SECTORS]
        cmp dword [cs:bx + D_SECTORS + 4], 0
        jne .biggest
        mov edx, 16
.heads: imul ecx, edx, 63 * 1024
        cmp eax, ecx
        jbe .cylinders
        add dx, dx
        cmp dx, 256
        jb .heads
.biggest:
        mov edx, 255
        cmp dword [cs:bx + D_SECTORS + 4], 0
        je .cylinders
        mov eax, -1
.cylinders:
        imul ecx, edx, 63
        push edx
        xor edx, edx
        div ecx
        pop edx
        cmp eax, 1              ; the smallest disks do not fill one
        adc eax, 0
        mov ecx, eax
.set:   cmp ecx, 1024
        jbe .fits
        mov cx, 1024
.fits:  mov [cs:bx + D_CYLINDERS], cx
        mov [cs:bx + D_HEADS], dx
        mov [cs:bx + D_SPT], si
        ret
