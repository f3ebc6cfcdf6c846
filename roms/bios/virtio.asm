; INT 13h on virtio disks in PCI slots of bus 0.
; Spec: Virtio PCI Card Specification 0.9.5, section 2 (transport), appendix D (block device).
; All disks use one queue, whose memory is above the option ROMs: every request starts its device
; anew, without any feature, so that each write is on the disk when the call ends. Not here: disks
; of other transports, SCSI adapters.

VIRTIO_BLOCK    equ 0x10011af4
VIRTIO_QUEUE    equ 0xed000     ; flat address of the queue: 12 KiB, for up to 256 entries
VIRTIO_SEGMENT  equ VIRTIO_QUEUE >> 4
VIRTIO_ENTRIES  equ 256

V_FEATURES      equ 4
V_PAGE          equ 8
V_SIZE          equ 12
V_SELECT        equ 14
V_NOTIFY        equ 16
V_STATUS        equ 18
V_CONFIG        equ 20
V_CYLINDERS     equ V_CONFIG + 16

V_DRIVER        equ 3           ; the guest has seen it and has a driver
V_DRIVER_OK     equ 7
DESC_NEXT       equ 1
DESC_WRITE      equ 2           ; the device writes

; In front of the used ring: the request's header and its status.
V_HEADER        equ -32
V_RESULT        equ -16

; Starts disk CS:BX with an empty queue. ES = the queue's segment, SI = offset of the available
; ring, DI = of the used ring; CF if the queue is none that there is room for.
virtio_start:
        mov dx, [cs:bx + D_BASE]
        add dx, V_STATUS
        mov al, 0
        out dx, al
        mov al, V_DRIVER
        out dx, al
        sub dx, V_STATUS - V_FEATURES
        xor eax, eax
        out dx, eax
        add dx, V_SELECT - V_FEATURES
        out dx, ax
        sub dx, V_SELECT - V_SIZE
        in ax, dx
        dec ax
        cmp ax, VIRTIO_ENTRIES
        cmc
        jc .out
        inc ax
        mov si, ax
        shl si, 4
        imul di, ax, 18         ; descriptors and available ring
        add di, 6 + 0xfff
        and di, 0xf000
        push word VIRTIO_SEGMENT
        pop es
        mov dword [es:si], 1    ; flags: no interrupts; nothing is available
        mov dword [es:di], 0
        sub dx, V_SIZE - V_PAGE
        mov eax, VIRTIO_QUEUE >> 12
        out dx, eax
        add dx, V_STATUS - V_PAGE
        mov al, V_DRIVER_OK
        out dx, al
        clc
.out:   ret

; As disk_io: moves SI sectors from EDX:EAX between disk CS:BX and ES:DI; CL = operation.
; AH = status, SI = sectors left over. Keeps BX, BP and DS.
virtio_io:
        mov [cs:io_left], si
        cmp cl, OP_VERIFY
        je .verified
        mov [cs:io_op], cl
        mov [cs:io_lba], eax
        mov [cs:io_lba + 4], edx
        mov ax, es
        movzx ecx, ax
        shl ecx, 4
        movzx edi, di
        add ecx, edi            ; the buffer's flat address
        call virtio_start
        mov ah, DISK_ERROR
        jc .out
        movzx eax, byte [cs:io_op]
        mov [es:di + V_HEADER], eax     ; 0 reads, 1 writes
        mov dword [es:di + V_HEADER + 4], 0
        mov eax, [cs:io_lba]
        mov [es:di + V_HEADER + 8], eax
        mov eax, [cs:io_lba + 4]
        mov [es:di + V_HEADER + 12], eax
        mov byte [es:di + V_RESULT], 0xff
        movzx eax, di
        add eax, VIRTIO_QUEUE + V_HEADER
        mov [es:0], eax
        add eax, V_RESULT - V_HEADER
        mov [es:32], eax
        mov [es:16], ecx
        xor eax, eax
        mov [es:4], eax
        mov [es:20], eax
        mov [es:36], eax
        mov dword [es:8], 16
        movzx eax, word [cs:io_left]
        shl eax, 9
        mov [es:24], eax
        mov dword [es:40], 1
        mov dword [es:12], DESC_NEXT | 1 << 16
        mov eax, DESC_NEXT | DESC_WRITE | 2 << 16
        cmp byte [cs:io_op], OP_READ
        je .into
        and al, ~DESC_WRITE
.into:  mov [es:28], eax
        mov dword [es:44], DESC_WRITE
        mov word [es:si + 4], 0
        mov word [es:si + 2], 1
        mov dx, [cs:bx + D_BASE]
        add dx, V_NOTIFY
        xor ax, ax
        out dx, ax
        call virtio_wait
        jc .out
        cmp byte [es:di + V_RESULT], 0
        mov ah, DISK_ERROR
        jne .out
.verified:
        mov word [cs:io_left], 0
        mov ah, 0
.out:   mov si, [cs:io_left]
        ret

; Waits until the used ring at ES:DI has the request. CF and AH if that lasts 10 s: then the
; device is stopped, so that it cannot write into memory later.
virtio_wait:
        push cx
        mov ch, 182
        mov cl, [BDA_TICKS]
.poll:  cmp word [es:di + 2], 0
        jne .done               ; and CF is clear
        cmp cl, [BDA_TICKS]
        je .poll
        mov cl, [BDA_TICKS]
        dec ch
        jnz .poll
        mov dx, [cs:bx + D_BASE]
        add dx, V_STATUS
        mov al, 0
        out dx, al
        mov ah, DISK_TIMEOUT
        stc
.done:  pop cx
        ret

; Adds the virtio disks to those that there are. DS = BIOS data area.
virtio_init:
        mov ebp, 0x80000000
.function:
        mov eax, ebp
        call .read
        cmp eax, VIRTIO_BLOCK
        jne .next
        cmp byte [cs:disk_count], MAX_DISKS
        jae .next
        mov al, 0x10
        call .register
        test al, 1
        jz .next
        and al, 0xfc
        mov bx, [cs:disk_next]
        call virtio_describe
        jc .next
        inc byte [cs:disk_count]
        add word [cs:disk_next], D_SIZE
.next:  add ebp, 0x100
        cmp ebp, 0x80010000
        jb .function
        ret
; Register AL of function EBP -> EAX.
.register:
        movzx eax, al
        or eax, ebp
.read:  mov dx, 0xcf8
        out dx, eax
        mov dl, 0xfc
        in eax, dx
        ret

; Fills in disk CS:BX, the function of EBP with its registers at port AX. CF if it cannot be used.
virtio_describe:
        push ax
        push cs
        pop es
        mov di, bx
        mov cx, D_SIZE
        xor al, al
        rep stosb
        pop ax
        mov [cs:bx + D_BASE], ax
        mov eax, ebp            ; the device number
        shr eax, 11
        and al, 0x1f
        or al, DISK_VIRTIO
        mov [cs:bx + D_NUMBER], al
        mov al, 4               ; it may read and write memory
        call virtio_init.register
        or al, 4
        out dx, ax
        mov dx, [cs:bx + D_BASE]
        add dx, V_CONFIG
        in eax, dx
        mov [cs:bx + D_SECTORS], eax
        add dx, 4
        in eax, dx
        mov [cs:bx + D_SECTORS + 4], eax
        add dx, V_CYLINDERS - V_CONFIG - 4
        in ax, dx
        mov [cs:bx + D_P_CYLINDERS], ax
        add dx, 2
        in ax, dx
        movzx cx, al
        mov [cs:bx + D_P_HEADS], cx
        movzx cx, ah
        mov [cs:bx + D_P_SPT], cx
        push ds
        push cs
        pop ds
        push cs
        pop es
        mov si, .model
        lea di, [bx + D_MODEL]
        mov cx, 40
        rep movsb
        pop ds
        push ebp
        call disk_geometry
        call virtio_start
        pop ebp
        ret
.model: db 'virtio disk                             '
