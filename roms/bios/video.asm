; INT 10h on VGA hardware: text modes, cursor, scrolling, palette, fonts.
; Built into the BIOS and, alone, as the option ROM of the VGA card. Its only memory is the BIOS
; data area. With MIRROR defined, text also goes to the terminal at COM1 (mirror.asm).
; Not here: graphics modes other than 13h, VESA, light pen.

int10:
        SERVICE_ENTER
        movzx bx, ah
        cmp bl, 0x1c
        ja .done
        add bx, bx
        call [cs:.table + bx]
.done:  SERVICE_LEAVE
        align 2
.table: dw video_set_mode, video_cursor_type, video_set_cursor, video_get_cursor
        dw video_none, video_set_page, video_scroll, video_scroll
        dw video_read, video_write, video_write_char, video_cga_palette
        dw video_set_pixel, video_get_pixel, video_teletype, video_get_mode
        dw video_palette, video_font, video_select, video_string
        dw video_none, video_none, video_none, video_none
        dw video_none, video_none, video_combination, video_state
        dw video_none

video_none:
        ret

; ------------------------------------------------------------------------------- small helpers

; CRTC register AH := AL.
crtc_write:
        push dx
        mov dx, [BDA_CRTC]
        xchg al, ah
        out dx, ax
        xchg al, ah
        pop dx
        ret

; ES := the text buffer.
text_segment:
        push ax
        mov ax, 0xb800
        cmp byte [BDA_VIDEO_MODE], 7
        jne .set
        mov ah, 0xb0
.set:   mov es, ax
        pop ax
        ret

; Page BH, row DH, column DL -> DI, offset in the text buffer.
text_offset:
        push ax
        push dx
        movzx ax, dh
        mul byte [BDA_COLUMNS]
        pop dx
        push dx
        xor dh, dh
        add ax, dx
        add ax, ax
        mov di, ax
        movzx ax, bh
        push dx
        mul word [BDA_PAGE_SIZE]
        pop dx
        add di, ax
        pop dx
        pop ax
        ret

; Page BH -> SI, address of its cursor in the BIOS data area.
cursor_slot:
        movzx si, bh
        and si, 7
        add si, si
        add si, BDA_CURSORS
        ret

; Moves the cursor of page BH to row DH, column DL.
move_cursor:
        push ax
        push si
        push di
        call cursor_slot
        mov [si], dx
        cmp bh, [BDA_PAGE]
        jne .done
        call text_offset
        mov ax, di
        shr ax, 1
        push ax
        mov al, ah
        mov ah, 0x0e
        call crtc_write
        pop ax
        mov ah, 0x0f
        call crtc_write
.done:  pop di
        pop si
        pop ax
        ret

; ---------------------------------------------------------------------------------- mode setting

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
.found: mov [BDA_VIDEO_MODE], ah
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

; The DAC: 64 EGA colours (rgbRGB), or for mode 13h 16 colours, 16 greys and 216 hues.
vga_palette:
        mov dx, 0x3c6
        mov al, 0xff
        out dx, al
        mov dl, 0xc8
        xor al, al
        out dx, al
        inc dx
        cmp byte [BDA_VIDEO_MODE], 0x13
        je vga_palette_256
        xor cl, cl
.entry: mov bl, cl
        call dac_ega
        inc cl
        cmp cl, 64
        jb .entry
        ret

; Sends colour BL (bits 5..0 = r g b R G B, small letters a third of the light) to the DAC.
dac_ega:
        mov ch, 3
.part:  xor al, al
        test bl, 4
        jz .third
        mov al, 0x2a
.third: test bl, 0x20
        jz .out
        add al, 0x15
.out:   out dx, al
        add bl, bl
        dec ch
        jnz .part
        ret

vga_palette_256:
        xor cx, cx
.base:  mov bl, cl              ; the 16 text colours
        cmp bl, 8
        jb .brown
        add bl, 0x30
.brown: cmp bl, 6
        jne .send
        mov bl, 0x14
.send:  push cx
        call dac_ega
        pop cx
        inc cx
        cmp cl, 16
        jb .base
        mov si, .greys
        mov cl, 16
.grey:  mov al, [cs:si]
        inc si
        out dx, al
        out dx, al
        out dx, al
        loop .grey
        mov si, .levels         ; 3 brightnesses x 3 saturations x 24 hues
.set:   mov cl, 24
        xor bx, bx
.hue:   mov ah, 2               ; red starts 16 steps later than blue, green 8 steps earlier
        mov bl, cl
        call .component
        loop .hue
        add si, 5
        cmp si, .levels_end
        jb .set
        mov cl, 24
        xor al, al
.black: out dx, al
        out dx, al
        out dx, al
        loop .black
        ret
; Hue CL (24..1): red, green and blue as a trapezoid over the circle, in five levels at CS:SI.
.component:
        mov bh, 3
        mov bl, 24
        sub bl, cl
        add bl, 8               ; red rises 8 steps before the end of the circle's first third
.next:  cmp bl, 24
        jb .in
        sub bl, 24
        jmp short .next
.in:    push bx
        movzx bx, bl
        movzx bx, byte [cs:.shape + bx]
        mov al, [cs:bx + si]
        out dx, al
        pop bx
        add bl, 16
        dec bh
        jnz .next
        ret
.shape: db 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1
.greys: db 0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18
        db 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f
.levels:
        db 0x00, 0x10, 0x1f, 0x2f, 0x3f, 0x1f, 0x27, 0x2f, 0x37, 0x3f
        db 0x2d, 0x31, 0x36, 0x3a, 0x3f, 0x00, 0x07, 0x0e, 0x15, 0x1c
        db 0x0e, 0x11, 0x15, 0x18, 0x1c, 0x14, 0x16, 0x18, 0x1a, 0x1c
        db 0x00, 0x04, 0x08, 0x0c, 0x10, 0x08, 0x0a, 0x0c, 0x0e, 0x10
        db 0x0b, 0x0c, 0x0d, 0x0f, 0x10
.levels_end:

; ----------------------------------------------------------------------------------------- fonts

; Our 8x16 glyphs into font block 0.
text_font:
        push si
        push ds
        push cs
        pop ds
        mov si, font8x16
        mov cx, 256
        xor dx, dx
        mov bx, 0x1000          ; BH = height, BL = block
        call load_font
        pop ds
        pop si
        ret

; CX glyphs of BH rows from DS:SI to code DX of block BL. Plane 2 holds the fonts, 32 bytes each.
load_font:
        push es
        push dx
        mov di, .open
        call font_access
        pop dx
        mov ax, 0xa000
        mov es, ax
        mov di, dx
        shl di, 5
        movzx ax, bl            ; block 0..3 at 0, 16K, 32K, 48K; 4..7 8K above them
        and al, 7
        shl ax, 14
        jnc .low
        add di, 0x2000
.low:   add di, ax
        jcxz .close
.glyph: push cx
        movzx cx, bh
        push di
        rep movsb
        pop di
        add di, 32
        pop cx
        loop .glyph
.close: mov di, .normal
        call font_access
        pop es
        ret
.open:  db 0x02, 0x04, 0x04, 0x07
        db 0x04, 0x02, 0x05, 0x00, 0x06, 0x04
.normal:
        db 0x02, 0x03, 0x04, 0x03
        db 0x04, 0x00, 0x05, 0x10, 0x06, 0x0e

; Two sequencer and three graphics registers from the pairs at CS:DI.
font_access:
        mov dx, 0x3c4
        call .pair
        call .pair
        mov dl, 0xce
        call .pair
        call .pair
.pair:  mov ax, [cs:di]
        out dx, ax
        inc di
        inc di
        ret

; AH=11h: fonts. AL = 00-04h load, 10-14h load and adapt the screen, 20-24h graphics, 30h query.
video_font:
        cmp al, 0x30
        je .query
        mov ah, al
        and ah, 0x0f
        test al, 0xe0
        jnz video_none
        push ax
        mov bx, [bp + F_BX]
        cmp ah, 3
        je .specifier
        cmp ah, 0
        je .user
        push ds                 ; 01h, 02h and 04h: our only font is 8x16
        push cs
        pop ds
        mov si, font8x16
        mov cx, 256
        xor dx, dx
        mov bh, 16
        call load_font
        pop ds
        mov bh, 16
        jmp short .adapt
.user:  mov si, [bp + F_BP]
        mov cx, [bp + F_CX]
        mov dx, [bp + F_DX]
        push ds
        mov ds, [bp + F_ES]
        call load_font
        pop ds
.adapt: pop ax
        test al, 0x10
        jz .done
        movzx ax, bh            ; the height changes how many rows fit into 400 lines
        mov [BDA_CHAR_HEIGHT], ax
        mov ah, 0x09
        dec al
        or al, 0x40
        call crtc_write
        mov ax, 400
        div bh
        dec al
        mov [BDA_ROWS], al
        inc al
        mul byte [BDA_COLUMNS]
        add ax, ax
        add ax, 0x100
        mov al, 0
        mov [BDA_PAGE_SIZE], ax
.done:  ret
.specifier:
        pop ax
        mov dx, 0x3c4
        mov al, 3
        mov ah, bl
        out dx, ax
        ret
.query: mov word [bp + F_CX], 16
        mov al, [BDA_ROWS]
        mov [bp + F_DL], al
        mov [bp + F_ES], cs
        mov word [bp + F_BP], font8x16
        cmp byte [bp + F_BH], 1
        ja .ours
        push ds
        xor si, si
        mov ds, si
        mov si, 0x1f * 4        ; INT 1Fh and 43h as they stand
        cmp byte [bp + F_BH], 0
        je .vector
        mov si, 0x43 * 4
.vector:
        les di, [si]
        pop ds
        mov [bp + F_ES], es
        mov [bp + F_BP], di
.ours:  ret

; ---------------------------------------------------------------------------------------- cursor

; AH=01h: CH, CL = first and last line of the cursor, in eighths scaled to the character.
video_cursor_type:
        mov [BDA_CURSOR_TYPE], cx
        mov ax, cx
        and ax, 0x3f1f
        cmp byte [BDA_CHAR_HEIGHT], 8
        jbe .set
        test ah, 0x20
        jnz .set
        cmp al, 8
        jae .set
        cmp ah, 8
        jae .set
        mov bl, [BDA_CHAR_HEIGHT]
        cmp ax, 0x0607          ; the usual underline keeps its thickness
        jne .scale
        mov al, bl
        sub al, 2
        mov ah, bl
        sub ah, 3
        jmp short .set
.scale: push ax
        inc al
        mul bl
        shr ax, 3
        dec al
        mov cl, al
        pop ax
        mov al, ah
        mul bl
        shr ax, 3
        mov ah, al
        mov al, cl
.set:   push ax
        mov al, ah
        mov ah, 0x0a
        call crtc_write
        pop ax
        mov ah, 0x0b
        jmp crtc_write

; AH=02h: page BH, row DH, column DL.
video_set_cursor:
        mov bx, [bp + F_BX]
        jmp move_cursor

; AH=03h
video_get_cursor:
        mov bx, [bp + F_BX]
        call cursor_slot
        mov ax, [si]
        mov [bp + F_DX], ax
        mov ax, [BDA_CURSOR_TYPE]
        mov [bp + F_CX], ax
        ret

; AH=05h: AL = page.
video_set_page:
        cmp al, 7
        ja .done
        mov [BDA_PAGE], al
        mov bh, al
        xor dx, dx
        call text_offset
        mov [BDA_PAGE_START], di
        mov ax, di
        shr ax, 1
        push ax
        mov al, ah
        mov ah, 0x0c
        call crtc_write
        pop ax
        mov ah, 0x0d
        call crtc_write
        call cursor_slot
        mov dx, [si]
        jmp move_cursor
.done:  ret

; AH=0Fh
video_get_mode:
        mov al, [BDA_VIDEO_CTL]
        and al, 0x80
        or al, [BDA_VIDEO_MODE]
        mov ah, [BDA_COLUMNS]
        mov [bp + F_AX], ax
        mov al, [BDA_PAGE]
        mov [bp + F_BH], al
        ret

; ------------------------------------------------------------------------------------- text

; AH=06h up, 07h down: AL lines (0 = all), BH = attribute, CX..DX = window.
video_scroll:
        mov bx, [bp + F_BX]
%ifdef MIRROR
        test al, al
        jnz .part
        test cx, cx
        jnz .part
        cmp dh, [BDA_ROWS]
        jb .part
        call mirror_clear
.part:
%endif
; AL = lines, AH = 06h or 07h, BH = attribute, CX..DX = window, on the active page.
scroll_window:
        cmp byte [BDA_VIDEO_MODE], 7
        ja video_none
        push es
        cmp dh, [BDA_ROWS]
        jbe .rows
        mov dh, [BDA_ROWS]
.rows:  cmp dl, [BDA_COLUMNS]
        jb .columns
        mov dl, [BDA_COLUMNS]
        dec dl
.columns:
        cmp dh, ch
        jb .done
        cmp dl, cl
        jb .done
        call text_segment
        push bx
        mov bl, dh              ; BL = height, 0 or too many lines: clear
        sub bl, ch
        inc bl
        test al, al
        jz .all
        cmp al, bl
        jbe .lines
.all:   mov al, bl
.lines: sub bl, al              ; BL rows move, then AL rows are cleared
        movzx si, byte [BDA_COLUMNS]
        add si, si              ; SI = bytes from a row to the next
        cmp ah, 7
        je .down
        mov bh, [BDA_PAGE]
        push dx
        mov dx, cx
        call text_offset
        pop dx
        jmp short .start
.down:  mov bh, [BDA_PAGE]
        push dx
        mov dl, cl
        call text_offset
        pop dx
        neg si
.start: sub dl, cl
        inc dl                  ; DL = width
        movzx cx, dl
        mov dl, al
        push dx
        movzx ax, dl
        imul ax, si
        mov dx, ax              ; DX = distance between source and destination
.move:  test bl, bl
        jz .moved
        push cx
        push di
        push si
        push ds
        mov si, di
        add si, dx
        push es
        pop ds
        rep movsw
        pop ds
        pop si
        pop di
        pop cx
        add di, si
        dec bl
        jmp short .move
.moved: pop dx
        pop bx
        mov ah, bh
        mov al, ' '
.clear: test dl, dl
        jz .done
        push cx
        push di
        rep stosw
        pop di
        pop cx
        add di, si
        dec dl
        jmp short .clear
.done:  pop es
        ret

; AH=08h: character and attribute at the cursor of page BH.
video_read:
        mov bx, [bp + F_BX]
        call cursor_slot
        mov dx, [si]
        call text_segment
        call text_offset
        mov ax, [es:di]
        mov [bp + F_AX], ax
        ret

; AH=09h with attribute BL, AH=0Ah without: AL, CX times, from the cursor of page BH.
video_write:
video_write_char:
        cmp byte [BDA_VIDEO_MODE], 7
        ja video_none
        mov bx, [bp + F_BX]
        call cursor_slot
        mov dx, [si]
        mov cx, [bp + F_CX]
%ifdef MIRROR
        call mirror_cells
%endif
        call text_segment
        call text_offset
        jcxz .done
        cmp ah, 9
        jne .plain
        mov ah, bl
        rep stosw
        ret
.plain: stosb
        inc di
        loop .plain
.done:  ret

; AH=0Eh: AL on page BH like a terminal.
video_teletype:
        mov bh, [BDA_PAGE]
; AL on page BH at its cursor, control codes obeyed. Keeps all registers but ES.
teletype:
        cmp byte [BDA_VIDEO_MODE], 7
        ja video_none
        pusha
        call cursor_slot
        mov dx, [si]
%ifdef MIRROR
        call mirror_teletype
%endif
        cmp al, 13
        ja .glyph
        je .return
        cmp al, 10
        je .feed
        cmp al, 8
        je .back
        cmp al, 7
        je .done
.glyph: call text_segment
        call text_offset
        mov [es:di], al
        inc dl
        cmp dl, [BDA_COLUMNS]
        jb .move
        inc dh
.return:
        mov dl, 0
        jmp short .move
.back:  test dl, dl
        jz .done
        dec dl
        jmp short .move
.feed:  inc dh
.move:  cmp dh, [BDA_ROWS]
        jbe .place
        mov dh, [BDA_ROWS]
        call move_cursor
        push dx
        call text_segment
        push bx
        call text_offset
        pop bx
        mov bh, [es:di + 1]
        mov ax, 0x0601
        xor cx, cx
        mov dl, [BDA_COLUMNS]
        dec dl
        call scroll_window
        pop dx
        mov bh, [BDA_PAGE]
.place: call move_cursor
.done:  popa
        ret

; AH=13h: CX characters at ES:BP, attribute BL, page BH, from DX. AL bit 0 moves the cursor,
; bit 1 means that attributes stand between the characters.
video_string:
        mov bx, [bp + F_BX]
        call cursor_slot
        push word [si]
        push si
        call move_cursor
        mov es, [bp + F_ES]
        mov si, [bp + F_BP]
        mov cx, [bp + F_CX]
        mov ah, al
.next:  jcxz .end
        mov al, [es:si]
        inc si
        test ah, 2
        jz .put
        mov bl, [es:si]
        inc si
.put:   push es
        call .cell
        pop es
        dec cx
        jmp short .next
.end:   pop si
        pop dx
        test ah, 1
        jnz .done
        mov bh, [bp + F_BH]
        call move_cursor
.done:  ret
.cell:  cmp al, 7
        je teletype
        cmp al, 8
        je teletype
        cmp al, 10
        je teletype
        cmp al, 13
        je teletype
        push ax
        push si
        push di
        call cursor_slot
        mov dx, [si]
        call text_segment
        call text_offset
%ifdef MIRROR
        mov [cs:mirror_want], bl
%endif
        mov [es:di + 1], bl
        pop di
        pop si
        pop ax
        call teletype
%ifdef MIRROR
        mov byte [cs:mirror_want], 7
%endif
        ret

; ------------------------------------------------------------------------------- pixels, palette

; AH=0Ch: mode 13h only. AL at column CX, row DX.
video_set_pixel:
        call pixel_address
        jc .done
        mov [es:di], al
.done:  ret

; AH=0Dh
video_get_pixel:
        call pixel_address
        jc .done
        mov al, [es:di]
        mov [bp + F_AL], al
.done:  ret

pixel_address:
        cmp byte [BDA_VIDEO_MODE], 0x13
        stc
        jne .done
        imul di, dx, 320
        add di, cx
        mov dx, 0xa000
        mov es, dx
        clc
.done:  ret

; AH=0Bh: border (BH=0).
video_cga_palette:
        mov bx, [bp + F_BX]
        test bh, bh
        jnz .done
        mov bh, bl
        mov bl, 0x11
        jmp attribute_write
.done:  ret

; Attribute register BL := BH.
attribute_write:
        mov dx, [BDA_CRTC]
        add dl, 6
        in al, dx
        mov dx, 0x3c0
        mov al, bl
        out dx, al
        mov al, bh
        out dx, al
        mov al, 0x20
        out dx, al
        ret

; Attribute register BL -> BH.
attribute_read:
        mov dx, [BDA_CRTC]
        add dl, 6
        in al, dx
        mov dx, 0x3c0
        mov al, bl
        out dx, al
        inc dx
        in al, dx
        mov bh, al
        dec dx
        mov al, 0x20
        out dx, al
        mov dx, [BDA_CRTC]
        add dl, 6
        in al, dx
        ret

; AH=10h
video_palette:
        mov bx, [bp + F_BX]
        cmp al, 0x00
        je attribute_write
        cmp al, 0x01
        je .border
        cmp al, 0x02
        je .all
        cmp al, 0x03
        je .blink
        cmp al, 0x07
        je .read
        cmp al, 0x10
        je .dac
        cmp al, 0x12
        je .dac_block
        cmp al, 0x15
        je .dac_read
        cmp al, 0x17
        je .dac_read_block
        ret
.border:
        mov bl, 0x11
        jmp attribute_write
.all:   mov es, [bp + F_ES]
        mov si, [bp + F_DX]
        xor bl, bl
.entry: mov bh, [es:si]
        inc si
        push bx
        cmp bl, 16
        jne .entry_out
        mov bl, 0x11
.entry_out:
        call attribute_write
        pop bx
        inc bl
        cmp bl, 17
        jb .entry
        ret
.blink: mov ch, bl
        and ch, 1
        shl ch, 3
        mov bl, 0x10
        call attribute_read
        and bh, 0xf7
        or bh, ch
        jmp attribute_write
.read:  call attribute_read
        mov [bp + F_BH], bh
        ret
.dac:   mov dx, 0x3c8
        mov al, bl
        out dx, al
        inc dx
        mov al, [bp + F_DH]
        out dx, al
        mov al, ch
        out dx, al
        mov al, cl
        out dx, al
        ret
.dac_block:
        mov es, [bp + F_ES]
        mov si, dx
        imul cx, cx, 3
        mov dx, 0x3c8
        mov al, bl
        out dx, al
        inc dx
.dac_out:
        jcxz .done
        mov al, [es:si]
        out dx, al
        inc si
        loop .dac_out
        ret
.dac_read:
        mov dx, 0x3c7
        mov al, bl
        out dx, al
        mov dl, 0xc9
        in al, dx
        mov [bp + F_DH], al
        in al, dx
        mov [bp + F_CH], al
        in al, dx
        mov [bp + F_CL], al
        ret
.dac_read_block:
        mov es, [bp + F_ES]
        mov di, dx
        imul cx, cx, 3
        mov dx, 0x3c7
        mov al, bl
        out dx, al
        mov dl, 0xc9
        rep insb
.done:  ret

; ------------------------------------------------------------------------------------- queries

; AH=12h: BL=10h configuration; BL=30h-36h are accepted.
video_select:
        mov bl, [bp + F_BL]
        cmp bl, 0x10
        je .config
        cmp bl, 0x30
        jb .done
        cmp bl, 0x36
        ja .done
        mov byte [bp + F_AL], 0x12
.done:  ret
.config:
        mov word [bp + F_BX], 0x0003
        cmp byte [BDA_VIDEO_MODE], 7
        jne .colour
        inc byte [bp + F_BH]
.colour:
        mov word [bp + F_CX], 0x0009
        ret

; AH=1Ah: display combination, VGA with colour monitor.
video_combination:
        cmp al, 0
        jne .set
        movzx bx, byte [BDA_DCC]
        mov [bp + F_BX], bx
        mov byte [bp + F_AL], 0x1a
        ret
.set:   cmp al, 1
        jne .done
        mov bl, [bp + F_BL]
        mov [BDA_DCC], bl
        mov byte [bp + F_AL], 0x1a
.done:  ret

; AH=1Bh: functionality and state at ES:DI.
video_state:
        mov es, [bp + F_ES]
        mov di, [bp + F_DI]
        mov ax, .static
        stosw
        mov ax, cs
        stosw
        mov si, BDA_VIDEO_MODE
        mov cx, 30
        rep movsb
        mov al, [BDA_ROWS]
        inc al
        stosb
        mov ax, [BDA_CHAR_HEIGHT]
        stosw
        mov ax, 0x0008
        stosw
        mov ax, 16
        stosw
        mov ax, 0x0208          ; 8 pages, 400 lines
        stosw
        xor ax, ax
        mov cx, 11
        rep stosw
        mov byte [bp + F_AL], 0x1b
        ret
.static:
        db 0x8f, 0x00, 0x0c, 0x00, 0, 0, 0, 0x07, 2, 8, 0x0f, 0x0c, 0, 0, 0, 0
