; USB disks for INT 13h: bulk-only transport and the few SCSI commands it takes.
; Spec: USB Mass Storage Class, Bulk-Only Transport 1.0; SPC-2, SBC-2.
; Buffers are the controller's: an address is its segment * 16 + offset, so callers in virtual 8086
; mode need memory that is mapped one to one.
; Not here: media that change, sectors of other than 512 bytes, units other than 0, more than 2 TiB.

SCSI_TEST       equ 0x00
SCSI_SENSE      equ 0x03
SCSI_INQUIRY    equ 0x12
SCSI_CAPACITY   equ 0x25
SCSI_READ       equ 0x28
SCSI_WRITE      equ 0x2a
SCSI_VERIFY     equ 0x2f

CBW_SIZE        equ 31
CSW_SIZE        equ 13
USB_DISK        equ 0x40        ; in D_NUMBER, with the port
D_DEVICE        equ D_CONTROL   ; of a USB disk, whose D_BASE is 0: the device's record

; Runs io_packet on device SI: CX bytes between EAX (physical) and the device, DL = 0 IN, 1 OUT.
; CF if that failed.
usb_scsi:
        push eax
        push ebx
        push ecx
        push edx
        push di
        mov ebx, eax
        movzx ecx, cx
        mov dword [fs:USB_CBW], 'USBC'
        inc dword [cs:usb_tag]
        mov eax, [cs:usb_tag]
        mov [fs:USB_CBW + 4], eax
        mov [fs:USB_CBW + 8], ecx
        mov al, dl
        dec al
        and al, 0x80
        mov ah, 0               ; unit
        mov [fs:USB_CBW + 12], ax
        mov al, 6               ; length of the command
        cmp byte [cs:io_packet], 0x20
        jb .length
        mov al, 10
.length:
        mov [fs:USB_CBW + 14], al
        xor di, di
.copy:  mov eax, [cs:io_packet + di]
        mov [fs:USB_CBW + 15 + di], eax
        add di, 4
        cmp di, 12
        jb .copy
        mov dword [fs:USB_CBW + 27], 0
        push dx
        push cx
        mov dl, 1
        mov cx, CBW_SIZE
        mov eax, USB_BASE + USB_CBW
        call usb_bulk
        pop cx
        pop dx
        jc .reset
        test cx, cx
        jz .status
        mov eax, ebx
        call usb_bulk
        jnc .status
        jnz .reset
.status:
        mov dl, 0
        mov cx, CSW_SIZE
        mov eax, USB_BASE + USB_CSW
        call usb_bulk
        jnc .ended
        jnz .reset
        mov eax, USB_BASE + USB_CSW
        call usb_bulk
        jc .reset
.ended: cmp dword [fs:USB_CSW], 'USBS'
        jne .reset
        mov eax, [cs:usb_tag]
        cmp [fs:USB_CSW + 4], eax
        jne .reset
        mov al, [fs:USB_CSW + 12]
        cmp al, 2
        jae .reset
        cmp al, 1
        cmc
        jmp short .out
.reset: movzx eax, byte [cs:si + U_INTERFACE]
        mov dword [cs:usb_setup], 0x21 | 0xff << 8
        mov [cs:usb_setup + 4], eax
        call usb_control
        mov bx, 0
        call usb_clear_halt
        inc bx
        call usb_clear_halt
        stc
.out:   pop di
        pop edx
        pop ecx
        pop ebx
        pop eax
        ret

; Why the last command failed: AL = sense key.
usb_sense:
        push cx
        push di
        mov al, SCSI_SENSE
        call packet_new
        mov byte [cs:io_packet + 4], 18
        pop di
        mov byte [fs:USB_BUFFER + 2], 0
        mov eax, USB_BASE + USB_BUFFER
        mov cx, 18
        mov dl, 0
        call usb_scsi
        mov al, [fs:USB_BUFFER + 2]
        and al, 0x0f
        pop cx
        ret

; What disk_io does for IDE disks.
usb_disk_io:
        push fs
        push di
        mov ax, USB_SEGMENT
        mov fs, ax
        mov si, [cs:bx + D_DEVICE]
.chunk: mov cx, [cs:io_left]
        xor ah, ah
        test cx, cx
        jz .out
        mov ax, [cs:si + U_MAX_IN]
        cmp ax, [cs:si + U_MAX_OUT]
        jbe .most
        mov ax, [cs:si + U_MAX_OUT]
.most:  shr ax, 2               ; USB_TD_COUNT packets
        cmp cx, ax
        jbe .send
        mov cx, ax
.send:  mov [cs:io_chunk], cx
        mov byte [cs:usb_tries], 4
.try:   push di
        movzx di, byte [cs:io_op]
        mov al, [cs:.commands + di]
        call packet_new
        pop di
        mov eax, [cs:io_lba]
        bswap eax
        mov [cs:io_packet + 2], eax
        mov cx, [cs:io_chunk]
        xchg cl, ch
        mov [cs:io_packet + 7], cx
        mov dl, [cs:io_op]
        xor cx, cx
        cmp dl, OP_VERIFY
        je .command
        mov cx, [cs:io_chunk]
        shl cx, 9
.command:
        mov ax, es
        movzx eax, ax
        shl eax, 4
        movzx edi, di
        add eax, edi
        and dl, 1
        call usb_scsi
        jnc .moved
        call usb_sense
        mov ah, DISK_PROTECTED
        cmp al, 7
        je .out
        mov ah, 0x10            ; uncorrectable
        cmp al, 3
        je .out
        mov ah, DISK_NOT_FOUND
        cmp al, 5
        je .out
        mov ah, DISK_ERROR
        dec byte [cs:usb_tries]
        jnz .try
        jmp short .out
.moved: mov ax, [cs:io_chunk]
        sub [cs:io_left], ax
        movzx ecx, ax
        add [cs:io_lba], ecx
        shl ax, 5
        mov cx, es
        add cx, ax
        mov es, cx
        jmp .chunk
.out:   mov si, [cs:io_left]
        pop di
        pop fs
        ret
.commands:
        db SCSI_READ, SCSI_WRITE, SCSI_VERIFY

; POST: device SI is a mass storage device; if it is a disk, it becomes the next one.
usb_disk_found:
        cmp byte [cs:disk_count], MAX_DISKS
        jae .done
        mov al, SCSI_INQUIRY
        call packet_new
        mov byte [cs:io_packet + 4], 36
        mov cx, 36
        call .ask
        jc .done
        test byte [fs:USB_BUFFER], 0x1f
        jnz .done
        movzx bx, byte [cs:disk_count]
        imul bx, bx, D_SIZE
        add bx, disks
        push es
        push cs
        pop es
        mov di, bx
        mov cx, D_SIZE
        xor al, al
        rep stosb
        pop es
        call usb_disk_model
        mov bp, 8               ; it may still be starting
.wait:  mov al, SCSI_TEST
        call packet_new
        xor cx, cx
        call .ask
        jnc .ready
        call usb_sense
        dec bp
        jz .done
        jmp short .wait
.ready: mov al, SCSI_CAPACITY
        call packet_new
        mov cx, 8
        call .ask
        jc .done
        cmp dword [fs:USB_BUFFER + 4], 0x20000     ; 512, the other way round
        jne .done
        mov eax, [fs:USB_BUFFER]
        bswap eax
        add eax, 1
        mov [cs:bx + D_SECTORS], eax
        adc dword [cs:bx + D_SECTORS + 4], 0
        mov [cs:bx + D_DEVICE], si
        mov al, [cs:usb_port]
        or al, USB_DISK
        mov [cs:bx + D_NUMBER], al
        push si
        call disk_geometry
        mov [cs:bx + D_P_CYLINDERS], cx
        mov [cs:bx + D_P_HEADS], dx
        mov [cs:bx + D_P_SPT], si
        pop si
        inc word [cs:usb_uses]
        inc byte [cs:disk_count]
        mov al, [cs:disk_count]
        mov [BDA_DISKS], al
.done:  ret
.ask:   mov eax, USB_BASE + USB_BUFFER
        mov dl, 0
        jmp usb_scsi

; The disk's name from the inquiry: vendor without its blanks, product.
usb_disk_model:
        lea di, [bx + D_MODEL]
        push si
        mov si, USB_BUFFER + 8
.vendor:
        mov al, [fs:si]
        cmp al, ' '
        jbe .product
        mov [cs:di], al
        inc di
        inc si
        cmp si, USB_BUFFER + 16
        jb .vendor
.product:
        mov byte [cs:di], ' '
        inc di
        mov si, USB_BUFFER + 16
.char:  mov al, [fs:si]
        mov [cs:di], al
        inc di
        inc si
        cmp si, USB_BUFFER + 32
        jb .char
        pop si
        ret
