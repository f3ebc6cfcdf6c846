; INT 10h AH=4Fh: VESA BIOS extensions 2.0 on the display interface of the PCI VGA (ports 1CEh,
; 1CFh): linear frame buffer and 64 KiB windows.
; Not here: protected-mode interface, state saving, monitor identification, power management.

VBE_INDEX       equ 0x1ce
VBE_ID          equ 0           ; registers of the interface
VBE_XRES        equ 1
VBE_YRES        equ 2
VBE_BPP         equ 3
VBE_ENABLE      equ 4
VBE_BANK        equ 5
VBE_VIRT_WIDTH  equ 6
VBE_X_OFFSET    equ 8
VBE_Y_OFFSET    equ 9
VBE_MEMORY      equ 10          ; in 64 KiB
VBE_ENABLED     equ 0x01
VBE_LINEAR      equ 0x40
VBE_KEEP        equ 0x80

; Register AL -> AX. Keeps DX.
vbe_get:
        push dx
        mov dx, VBE_INDEX
        mov ah, 0
        out dx, ax
        inc dx
        in ax, dx
        pop dx
        ret

; Register AL := BX. Keeps all registers.
vbe_set:
        push ax
        push dx
        mov dx, VBE_INDEX
        mov ah, 0
        out dx, ax
        inc dx
        mov ax, bx
        out dx, ax
        pop dx
        pop ax
        ret

; CF unless the interface is there: its identity is B0C0h and up.
vbe_check:
        push ax
        mov al, VBE_ID
        call vbe_get
        and al, 0xf0
        cmp ax, 0xb0c0
        pop ax
        je .done                ; CF is clear
        stc
.done:  ret

; Leaves an extended mode for VGA's own. Keeps all registers.
vbe_leave:
        call vbe_check
        jc .done
        push ax
        push bx
        mov al, VBE_ENABLE
        xor bx, bx
        call vbe_set
        pop bx
        pop ax
.done:  ret

int10_vbe:
        call vbe_check
        jc .none                ; AL stays: not supported
        cmp al, 9
        ja .none
        movzx si, al
        add si, si
        mov word [bp + F_AX], 0x004f
        call [cs:.table + si]
        jnc .none
        mov byte [bp + F_AH], 1
.none:  ret
.table: dw vbe_info, vbe_mode_info, vbe_set_mode, vbe_get_mode, vbe_no, vbe_window
        dw vbe_line, vbe_start, vbe_dac, vbe_palette
vbe_no: stc
        ret

; AL=00h: what there is, at ES:DI.
vbe_info:
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov cx, 256
        cmp dword [es:di], 'VBE2'
        je .clear
        mov cx, 128
.clear: push di
        xor ax, ax
        rep stosw
        pop di
        mov dword [es:di], 'VESA'
        mov word [es:di + 4], 0x0200
        mov word [es:di + 6], .name
        mov [es:di + 8], cs
        mov byte [es:di + 10], 1        ; the DAC can do 8 bits
        mov word [es:di + 14], vbe_numbers
        mov [es:di + 16], cs
        mov al, VBE_MEMORY
        call vbe_get
        mov [es:di + 18], ax
        mov word [es:di + 22], .name
        mov [es:di + 24], cs
        mov word [es:di + 26], .name
        mov [es:di + 28], cs
        clc
        ret
.name:  db 'tinamou VGA', 0

; Mode CX -> CS:SI = its record, or CF. Changes AX.
vbe_find:
        mov ax, cx
        and ax, 0x1ff
        mov si, vbe_modes
.next:  cmp word [cs:si], 0
        je .none
        cmp ax, [cs:si]
        je .done
        add si, VBE_MODE_SIZE
        jmp short .next
.none:  stc
.done:  ret

; AL=01h: mode CX, at ES:DI.
vbe_mode_info:
        call vbe_find
        jc .done
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        push di
        mov cx, 128
        xor ax, ax
        rep stosw
        pop di
        mov word [es:di], 0x009b        ; supported, colour, graphics, linear
        mov byte [es:di + 2], 7         ; window A: moves, readable, writable
        mov word [es:di + 4], 64
        mov word [es:di + 6], 64
        mov word [es:di + 8], 0xa000
        mov word [es:di + 12], vbe_far_window
        mov [es:di + 14], cs
        mov ax, [cs:si + 2]
        mov [es:di + 18], ax
        mov ax, [cs:si + 4]
        mov [es:di + 20], ax
        mov word [es:di + 22], 0x1008   ; characters of 8 x 16
        mov byte [es:di + 24], 1
        mov cl, [cs:si + 6]
        mov [es:di + 25], cl
        mov byte [es:di + 26], 1
        mov byte [es:di + 27], 4        ; packed pixels
        movzx ax, cl
        add ax, 7
        shr ax, 3
        mul word [cs:si + 2]
        mov [es:di + 16], ax            ; bytes to a line
        mul word [cs:si + 4]
        mov bx, dx
        inc bx
        mov al, VBE_MEMORY
        call vbe_get
        xor dx, dx
        div bx
        dec al
        mov [es:di + 29], al            ; further images
        mov byte [es:di + 30], 1
        call vbe_frame_buffer
        mov [es:di + 40], eax
        cmp cl, 8
        je .good
        mov byte [es:di + 27], 6        ; direct colour
        mov bx, .masks
        cmp cl, 16
        jb .mask
        mov bx, .masks + 8
        je .mask
        mov bx, .masks + 16
        cmp cl, 24
        je .mask
        mov bx, .masks + 24
.mask:  mov eax, [cs:bx]
        mov [es:di + 31], eax
        mov eax, [cs:bx + 4]
        mov [es:di + 35], eax
.good:  clc
.done:  ret
.masks: db 5, 10, 5, 5, 5, 0, 1, 15     ; size and place of red, green, blue, the rest
        db 5, 11, 6, 5, 5, 0, 0, 0
        db 8, 16, 8, 8, 8, 0, 0, 0
        db 8, 16, 8, 8, 8, 0, 8, 24

; The frame buffer's address -> EAX: BAR 0 of the display controller.
vbe_frame_buffer:
        push ecx
        push dx
        mov ecx, 0x80000008
.next:  mov eax, ecx
        mov dx, 0xcf8
        out dx, eax
        mov dl, 0xfc
        in eax, dx
        shr eax, 16
        cmp ax, 0x0300
        je .found
        add ecx, 0x100
        cmp ecx, 0x80010000
        jb .next
        mov eax, 0xe0000000     ; where it is without PCI
        jmp short .done
.found: lea eax, [ecx + 8]
        mov dx, 0xcf8
        out dx, eax
        mov dl, 0xfc
        in eax, dx
        and al, 0xf0
.done:  pop dx
        pop ecx
        ret

; AL=02h: mode BX; bit 14: linear, bit 15: keep the memory.
vbe_set_mode:
        mov cx, [bp + F_BX]
        mov ax, cx
        and ax, 0x1ff
        cmp ax, 0x100
        jae .extended
        mov al, cl
        and al, 0x7f
        test ch, ch
        jns .clear
        or al, 0x80
.clear: mov ah, 0
        int 0x10
        clc
        ret
.extended:
        call vbe_find
        jc .done
        push cx
        mov ax, 0x0013          ; VGA registers that let all bits through
        or al, 0x80
        int 0x10
        pop cx
        mov al, VBE_ENABLE
        xor bx, bx
        call vbe_set
        mov al, VBE_XRES
        mov bx, [cs:si + 2]
        call vbe_set
        mov al, VBE_YRES
        mov bx, [cs:si + 4]
        call vbe_set
        mov al, VBE_BPP
        movzx bx, byte [cs:si + 6]
        call vbe_set
        mov bx, VBE_ENABLED
        test ch, 0x40
        jz .window
        or bl, VBE_LINEAR
.window:
        test ch, 0x80
        jz .enable
        or bl, VBE_KEEP
.enable:
        mov al, VBE_ENABLE
        call vbe_set
        mov al, VBE_BANK
        xor bx, bx
        call vbe_set
        mov [BDA_VBE_MODE], cx
        mov byte [BDA_VIDEO_MODE], 0x7f
        clc
.done:  ret

; AL=03h
vbe_get_mode:
        movzx bx, byte [BDA_VIDEO_MODE]
        cmp bl, 0x7f
        jne .set
        mov bx, [BDA_VBE_MODE]
.set:   mov [bp + F_BX], bx
        clc
        ret

; AL=05h: BH=0 sets, BH=1 asks for window BL; DX in 64 KiB.
vbe_window:
        mov bx, [bp + F_BX]
        cmp bl, 0
        jne .bad
        cmp bh, 1
        je .get
        ja .bad
        mov bx, dx
        mov al, VBE_BANK
        call vbe_set
        clc
        ret
.get:   mov al, VBE_BANK
        call vbe_get
        mov [bp + F_DX], ax
        clc
        ret
.bad:   stc
        ret

; The same as a far call, the way that AL=01h names.
vbe_far_window:
        push ax
        mov ax, 0x4f05
        int 0x10
        pop ax
        retf

; AL=06h: BL=0 sets the line's length in pixels CX, 2 in bytes, 1 and 3 ask.
vbe_line:
        mov bl, [bp + F_BL]
        push cx
        call .bytes
        pop ax
        cmp bl, 0
        je .set
        cmp bl, 2
        jne .ask
        xor dx, dx
        div cx
.set:   push bx
        mov bx, ax
        mov al, VBE_VIRT_WIDTH
        call vbe_set
        pop bx
.ask:   mov al, VBE_VIRT_WIDTH
        call vbe_get
        mov [bp + F_CX], ax
        mul cx
        mov [bp + F_BX], ax
        mov bx, ax
        mov al, VBE_MEMORY
        call vbe_get
        mov dx, ax              ; lines that fit
        xor ax, ax
        cmp dx, bx
        jae .many
        div bx
        mov [bp + F_DX], ax
        clc
        ret
.many:  mov word [bp + F_DX], 0xffff
        clc
        ret
; CX = bytes to a pixel.
.bytes: mov al, VBE_BPP
        call vbe_get
        add ax, 7
        shr ax, 3
        mov cx, ax
        ret

; AL=07h: BL=0 and 80h set, 1 asks for the first pixel CX, line DX.
vbe_start:
        cmp byte [bp + F_BL], 1
        je .get
        mov bx, cx
        mov al, VBE_X_OFFSET
        call vbe_set
        mov bx, dx
        mov al, VBE_Y_OFFSET
        call vbe_set
        clc
        ret
.get:   mov al, VBE_X_OFFSET
        call vbe_get
        mov [bp + F_CX], ax
        mov al, VBE_Y_OFFSET
        call vbe_get
        mov [bp + F_DX], ax
        mov byte [bp + F_BH], 0
        clc
        ret

; AL=08h: the DAC stays at 6 bits.
vbe_dac:
        mov byte [bp + F_BH], 6
        clc
        ret

; AL=09h: BL=0 sets, 1 reads CX palette entries from DX, at ES:DI as blue, green, red, 0.
vbe_palette:
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov ax, dx
        jcxz .done
        cmp byte [bp + F_BL], 1
        je .read
        mov dx, 0x3c8
        out dx, al
        inc dx
.entry: mov al, [es:di + 2]
        out dx, al
        mov al, [es:di + 1]
        out dx, al
        mov al, [es:di]
        out dx, al
        add di, 4
        loop .entry
.done:  clc
        ret
.read:  mov dx, 0x3c7
        out dx, al
        mov dl, 0xc9
.get:   in al, dx
        mov [es:di + 2], al
        in al, dx
        mov [es:di + 1], al
        in al, dx
        mov [es:di], al
        mov byte [es:di + 3], 0
        add di, 4
        loop .get
        clc
        ret

VBE_MODE_SIZE   equ 7
%macro VBE_MODE 4               ; number, columns, lines, bits to a pixel
        dw %1, %2, %3
        db %4
%endmacro
%macro VBE_ALL 1
        %1 0x100, 640, 400, 8
        %1 0x101, 640, 480, 8
        %1 0x103, 800, 600, 8
        %1 0x105, 1024, 768, 8
        %1 0x107, 1280, 1024, 8
        %1 0x110, 640, 480, 15
        %1 0x111, 640, 480, 16
        %1 0x112, 640, 480, 24
        %1 0x113, 800, 600, 15
        %1 0x114, 800, 600, 16
        %1 0x115, 800, 600, 24
        %1 0x116, 1024, 768, 15
        %1 0x117, 1024, 768, 16
        %1 0x118, 1024, 768, 24
        %1 0x119, 1280, 1024, 15
        %1 0x11a, 1280, 1024, 16
        %1 0x11b, 1280, 1024, 24
        %1 0x140, 320, 200, 32
        %1 0x141, 640, 400, 32
        %1 0x142, 640, 480, 32
        %1 0x143, 800, 600, 32
        %1 0x144, 1024, 768, 32
        %1 0x145, 1280, 1024, 32
%endmacro
%macro VBE_NUMBER 4
        dw %1
%endmacro
vbe_modes:
        VBE_ALL VBE_MODE
        dw 0
vbe_numbers:
        VBE_ALL VBE_NUMBER
        dw 0xffff
