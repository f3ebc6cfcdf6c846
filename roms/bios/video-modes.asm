; INT 10h AH=00h: the modes and the registers that make them.
; Spec: IBM VGA technical reference, register tables.

; A mode: BIOS number, columns, rows - 1, character height, page size, CGA mode and palette
; registers, then miscellaneous, sequencer 1-4, CRTC 0-18h, attribute 0-14h, graphics 0-8.
MODE_COLUMNS    equ 1
MODE_ROWS       equ 2
MODE_HEIGHT     equ 3
MODE_PAGE       equ 4
MODE_CGA        equ 6
MODE_MISC       equ 8
MODE_SEQ        equ 9
MODE_CRTC       equ 13
MODE_ATTR       equ 38
MODE_GRAPHICS   equ 59
MODE_SIZE       equ 68

%macro TEXT_ATTR 1
        db 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07
        db 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, %1, 0x00, 0x0f, 0x08, 0x00
%endmacro

video_modes:
.m1:    db 1, 40, 24, 16
        dw 0x0800
        db 0x28, 0x30, 0x67, 0x08, 0x03, 0x00, 0x02
        db 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff
        TEXT_ATTR 0x0c
        db 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff
.m3:    db 3, 80, 24, 16
        dw 0x1000
        db 0x29, 0x30, 0x67, 0x00, 0x03, 0x00, 0x02
        db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
        TEXT_ATTR 0x0c
        db 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff
.m7:    db 7, 80, 24, 16
        dw 0x1000
        db 0x29, 0x30, 0x66, 0x00, 0x03, 0x00, 0x02
        db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x28, 0x0f, 0x96, 0xb9, 0xa3, 0xff
        db 0x00, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08
        db 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x0e, 0x00, 0x0f, 0x08, 0x00
        db 0, 0, 0, 0, 0, 0x10, 0x0a, 0x0f, 0xff
.m12:   db 0x12, 80, 29, 16
        dw 0xa000
        db 0x29, 0x30, 0xe3, 0x01, 0x0f, 0x00, 0x06
        db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0, 0, 0, 0, 0, 0
        db 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff
        TEXT_ATTR 0x01
        db 0, 0, 0, 0, 0, 0, 0x05, 0x0f, 0xff
.m13:   db 0x13, 40, 24, 8
        dw 0x2000
        db 0x29, 0x30, 0x63, 0x01, 0x0f, 0x00, 0x0e
        db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff
        db 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0x00, 0x0f, 0x00, 0x00
        db 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff
.end:

; AH=00h: AL = mode, bit 7 keeps the memory.
video_set_mode:
        mov ch, al
        and al, 0x7f
        and ch, 0x80
        mov ah, al              ; AH = the number we store, AL = the one we look for
        mov si, video_modes.m1
        cmp al, 2
        jb .found
        mov si, video_modes.m3
        cmp al, 4
        jb .found
        mov si, video_modes.m7
        cmp al, 7
        je .found
        mov si, video_modes.m12
        cmp al, 0x12
        je .found
        mov si, video_modes.m13
        cmp al, 0x13
        jne video_none
.found: call vbe_leave
        mov [BDA_VIDEO_MODE], ah
%ifdef MIRROR
        call mirror_clear
%endif
        movzx ax, byte [cs:si + MODE_COLUMNS]
        mov [BDA_COLUMNS], ax
        mov al, [cs:si + MODE_ROWS]
        mov [BDA_ROWS], al
        mov al, [cs:si + MODE_HEIGHT]
        mov [BDA_CHAR_HEIGHT], ax
        mov ax, [cs:si + MODE_PAGE]
        mov [BDA_PAGE_SIZE], ax
        mov ax, [cs:si + MODE_CGA]
        mov [BDA_MODE_REG], ax
        mov word [BDA_PAGE_START], 0
        mov byte [BDA_PAGE], 0
        mov word [BDA_CURSOR_TYPE], 0x0607
        mov al, 0x60
        or al, ch
        mov [BDA_VIDEO_CTL], al
        mov byte [BDA_VIDEO_SW], 0xf9
        mov byte [BDA_VIDEO_FLAGS], 0x51
        mov byte [BDA_DCC], 8
        mov dx, 0x3d4
        test byte [cs:si + MODE_MISC], 1
        jnz .colour
        mov dl, 0xb4
.colour:
        mov [BDA_CRTC], dx
        push cx
        call vga_load
        call vga_palette
        pop cx
        cmp byte [BDA_VIDEO_MODE], 7
        ja .graphics
        mov bx, 0x1000          ; 16 rows, block 0
        call text_font
        test ch, ch
        js .cursors
        call text_segment
        mov cx, 0x4000
        mov ax, 0x0720
        jmp short .clear
.graphics:
        test ch, ch
        js .cursors
        mov ax, 0xa000
        mov es, ax
        xor ax, ax
        mov cx, 0x8000
.clear: xor di, di
        rep stosw
.cursors:
        xor dx, dx
        mov bh, 7
.home:  call move_cursor
        dec bh
        jns .home
        mov dx, 0x3c4           ; show it
        mov ax, 0x0300
        out dx, ax
        ret

; Writes the registers of the mode at CS:SI.
vga_load:
        push si
        mov dx, 0x3c4
        mov ax, 0x0100          ; sequencer in reset while the clock changes
        out dx, ax
        mov al, [cs:si + MODE_MISC]
        mov dl, 0xc2
        out dx, al
        mov dl, 0xc4
        lea di, [si + MODE_SEQ]
        mov cx, 4
        mov al, 1
.seq:   mov ah, [cs:di]
        out dx, ax
        inc di
        inc ax
        loop .seq
        mov ax, 0x0300
        out dx, ax
        mov dx, [BDA_CRTC]
        mov ax, 0x0011          ; unlock registers 0-7
        out dx, ax
        mov cx, 25
        xor al, al
.crtc:  mov ah, [cs:di]
        out dx, ax
        inc di
        inc ax
        loop .crtc
        add dl, 6               ; status 1: the attribute flip-flop
        in al, dx
        mov dx, 0x3c0
        xor ah, ah
.attr:  mov al, ah
        out dx, al
        mov al, [cs:di]
        out dx, al
        inc di
        inc ah
        cmp ah, 21
        jb .attr
        mov al, 0x20            ; let the picture through
        out dx, al
        mov dl, 0xce
        mov cx, 9
        xor al, al
.graphics:
        mov ah, [cs:di]
        out dx, ax
        inc di
        inc ax
        loop .graphics
        pop si
        ret
