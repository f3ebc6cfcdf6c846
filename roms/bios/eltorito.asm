; A disk on a CD-ROM: an El Torito boot image of media type 1 to 3 is drive 0, one of type 4 drive
; 80h with the hard disks behind it, until AX=4B00h.
; Spec: El Torito 1.0, 2.0 (media types), 5.0 (INT 13h AH=4Bh). Its sectors of 512 bytes are cut out
; of the disc's of 2048 while they come in, so nothing needs a buffer. The form of a hard disk is
; where its first partition ends.
; Not here: second drives, writing.

EMULATED_CYLINDERS equ 80       ; of a diskette
EMULATED_HARD_DISK equ 4
DISK_PROTECTED  equ 0x03

; The drives are again what they were. Keeps all registers.
emulation_end:
        cmp byte [cs:emulated_spt], 0
        je .done
        mov byte [cs:emulated_spt], 0
        cmp byte [cs:emulated_drive], 0
        je .done
        push ds
        push BDA_SEGMENT
        pop ds
        dec byte [BDA_DISKS]
        pop ds
.done:  ret

; INT 13h on the emulated drive.
emulated_service:
        cmp ah, 0x00
        je disk_ok
        cmp ah, 0x01
        je disk_status
        cmp ah, 0x02
        je .read
        cmp ah, 0x03
        je .protected
        cmp ah, 0x04
        je disk_ok
        cmp ah, 0x05
        je .protected
        cmp ah, 0x08
        je .parameters
        cmp ah, 0x15
        je .type
        cmp ah, 0x16            ; has it been changed?
        je disk_ok
        cmp ah, 0x4b
        je cdrom_service.emulation
        mov ah, DISK_BAD_CALL
        jmp disk_fail
.protected:
        mov ah, DISK_PROTECTED
        jmp disk_fail

.read:  movzx si, byte [bp + F_AL]
        mov byte [bp + F_AL], 0
        mov ah, DISK_BAD_CALL
        test si, si
        jz disk_fail
        movzx eax, byte [bp + F_CH]
        movzx ecx, byte [bp + F_CL]
        movzx edx, byte [bp + F_DH]
        mov ah, cl
        shr ah, 6
        and cl, 0x3f
        cmp ax, [cs:emulated_cylinders]
        jae .nowhere
        cmp dl, [cs:emulated_heads]
        jae .nowhere
        dec cl
        cmp cl, [cs:emulated_spt]
        jae .nowhere
        movzx ebx, byte [cs:emulated_heads]
        imul eax, ebx           ; (cylinder * heads + head) * sectors + sector
        add eax, edx
        movzx edx, byte [cs:emulated_spt]
        imul eax, edx
        add eax, ecx
        imul edx, ebx
        movzx ebx, word [cs:emulated_cylinders]
        imul edx, ebx
        sub edx, eax
        movzx ecx, si
        cmp ecx, edx
        ja .nowhere
        mov es, [bp + F_ES]
        mov di, [bp + F_BX]
        push si
        call emulated_read
        pop cx
        sub cx, si              ; what was read
        mov [bp + F_AL], cl
        jmp disk_done
.nowhere:
        mov ah, DISK_NOT_FOUND
        jmp disk_fail

.parameters:
        mov ax, [cs:emulated_cylinders]
        dec ax
        mov [bp + F_CH], al
        shl ah, 6
        or ah, [cs:emulated_spt]
        mov [bp + F_CL], ah
        mov al, [cs:emulated_heads]
        dec al
        mov [bp + F_DH], al
        mov byte [bp + F_AL], 0
        mov al, [BDA_DISKS]
        mov [bp + F_DL], al
        cmp byte [cs:emulated_drive], 0
        jne disk_ok
        mov byte [bp + F_DL], 1
        movzx si, byte [cs:cd_packet + 1]
        mov al, [cs:.kinds - 1 + si]
        mov ah, 0
        mov [bp + F_BX], ax
        mov [bp + F_ES], cs
        mov word [bp + F_DI], diskette_table
        jmp disk_ok
.kinds: db 2, 4, 6              ; of drives, as the CMOS numbers them

.type:  mov byte [BDA_DISK_STATUS], 0
        and byte [bp + F_FLAGS], ~FLAG_CF
        mov byte [bp + F_AH], 1 ; a diskette drive that does not notice a change
        cmp byte [cs:emulated_drive], 0
        je .leave
        mov byte [bp + F_AH], 3
        movzx ax, byte [cs:emulated_spt]
        mul byte [cs:emulated_heads]
        mul word [cs:emulated_cylinders]
        mov [bp + F_DX], ax
        mov [bp + F_CX], dx
.leave: SERVICE_LEAVE

; Reads SI sectors of 512 bytes from EAX of the image to ES:DI. AH = status, SI = how many are left.
emulated_read:
        mov bx, cdroms
        mov dx, di              ; so that the offset cannot wrap
        shr dx, 4
        mov cx, es
        add cx, dx
        mov es, cx
        and di, 15
.next:  mov cx, ax
        and cx, 3               ; so many of the disc's sector come before,
        mov dx, 4
        sub dx, cx
        cmp dx, si
        jbe .piece
        mov dx, si              ; and so many are wanted
.piece: push eax
        shl cx, 8
        mov [cs:emulated_skip], cx
        mov cx, dx
        shl cx, 8
        mov [cs:emulated_take], cx
        shr eax, 2
        add eax, [cs:emulated_base]
        push dx
        call emulated_piece
        pop dx
        mov cl, ah
        pop eax
        jc .failed
        movzx edx, dx
        add eax, edx
        sub si, dx
        shl dx, 5               ; paragraphs
        mov cx, es
        add cx, dx
        mov es, cx
        test si, si
        jnz .next
        mov ah, 0
        ret
.failed:
        mov ah, cl
        ret

; Reads the middle of sector EAX of the CD-ROM CS:BX, in words, to ES:DI. CF and AH on an error.
emulated_piece:
        mov [cs:io_lba], eax
        mov byte [cs:io_op], 4  ; tries: a new medium announces itself by an error
.try:   push di
        mov al, PACKET_READ
        call packet_new
        mov eax, [cs:io_lba]
        bswap eax
        mov [cs:io_packet + 2], eax
        mov byte [cs:io_packet + 8], 1
        pop di
        push di
        call atapi_send
        jc .error
        mov dx, [cs:bx + D_BASE]
        mov cx, [cs:emulated_skip]
        call .drop
        mov cx, [cs:emulated_take]
        rep insw
        mov cx, CD_SECTOR / 2
        sub cx, [cs:emulated_skip]
        sub cx, [cs:emulated_take]
        call .drop
        call atapi_ready
.error: pop di
        jnc .out
        dec byte [cs:io_op]
        stc
        jz .out
        call cdrom_sense
        jmp short .try
.drop:  jcxz .out
.word:  in ax, dx
        loop .word
.out:   ret

; Starts the image of the default entry ES:20h, media type AL; returns CF if it cannot be read.
boot_emulated:
        movzx si, al
        mov edx, [es:0x28]
        mov [cs:emulated_base], edx
        mov byte [cs:cd_packet], 19
        mov [cs:cd_packet + 1], al
        mov [cs:cd_packet + 4], edx
        mov ax, [es:0x22]
        test ax, ax
        jnz .segment
        mov ax, 0x07c0
.segment:
        mov cx, [es:0x26]
        mov [cs:cd_packet + 12], ax
        mov [cs:cd_packet + 14], cx
        mov es, ax
        push si
        push ax
        mov si, cx
        xor eax, eax
        xor di, di
        call emulated_read
        pop bx
        pop si
        test ah, ah
        stc
        jnz .failed
        push BDA_SEGMENT
        pop ds
        cmp si, EMULATED_HARD_DISK
        je .hard
        mov al, [cs:.sectors - 1 + si]
        mov dx, 0x0200          ; heads, drive
        mov cx, EMULATED_CYLINDERS
        or byte [BDA_EQUIPMENT], 1
        jmp short .start
.hard:  mov es, bx              ; the partition table's first entry, its end
        mov dx, [es:0x1be + 5]  ; head, then cylinder bits 9-8 and sector
        mov ch, dh
        mov al, dh
        and al, 0x3f
        stc
        jz .failed
        shr ch, 6
        mov cl, [es:0x1be + 7]
        inc cx
        inc dx
        mov dh, dl
        mov dl, 0x80
        inc byte [BDA_DISKS]
.start: mov [cs:emulated_spt], al
        mov [cs:emulated_heads], dh
        mov [cs:emulated_drive], dl
        mov [cs:emulated_cylinders], cx
        mov [cs:cd_packet + 2], dl
        mov dh, 0
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        push bx
        push word 0
        mov ax, 0xaa55
        retf
.failed:
        ret
.sectors:
        db 15, 18, 36
