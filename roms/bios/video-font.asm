; INT 10h AH=11h: character generators.

; Our glyphs of BH rows, 16, 14 or 8, into font block BL.
text_font:
        push si
        push ds
        push cs
        pop ds
        call font_of
        mov cx, 256
        xor dx, dx
        call load_font
        pop ds
        pop si
        ret

; SI := our font of BH rows.
font_of:
        mov si, font8x16
        cmp bh, 16
        je .done
        mov si, font8x14
        cmp bh, 14
        je .done
        mov si, font8x8
.done:  ret

; INT 43h: the font of the mode's height, for those who draw characters.
graphics_font:
        push bx
        push si
        push es
        mov bh, [BDA_CHAR_HEIGHT]
        call font_of
        xor bx, bx
        mov es, bx
        mov [es:0x43 * 4], si
        mov [es:0x43 * 4 + 2], cs
        pop es
        pop si
        pop bx
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
        cmp al, 0x20
        jae .drawn
        push ax
        mov bx, [bp + F_BX]
        cmp ah, 3
        je .specifier
        cmp ah, 0
        je .user
        mov bh, 8               ; 02h is the small font, 01h the one of 14 lines
        cmp ah, 2
        je .ours
        mov bh, 14
        cmp ah, 1
        je .ours
        mov bh, 16
.ours:  call text_font
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
; 20h: INT 1Fh := ES:BP; 21h INT 43h := ES:BP, CX bytes to a glyph; 22h-24h our own. BL = rows:
; 0 DL, 1 14, 2 25, 3 43.
.drawn: cmp al, 0x24
        ja .done
        xor di, di
        mov es, di
        mov ecx, [bp + F_ES]
        shl ecx, 16
        mov cx, [bp + F_BP]
        cmp al, 0x20
        je .upper
        mov bx, [bp + F_CX]
        cmp al, 0x21
        je .own
        push ax
        mov bh, 14
        cmp al, 0x22
        je .height
        mov bh, 8
        cmp al, 0x23
        je .height
        mov bh, 16
.height:
        call font_of
        mov bl, bh
        mov bh, 0
        mov cx, cs
        shl ecx, 16
        mov cx, si
        pop ax
.own:   mov [es:0x43 * 4], ecx
        mov [BDA_CHAR_HEIGHT], bx
        mov bx, [bp + F_BX]
        mov al, [bp + F_DL]
        cmp bl, 3
        ja .done
        test bl, bl
        jz .count
        mov bh, 0
        mov al, [cs:.rows - 1 + bx]
.count: dec al
        mov [BDA_ROWS], al
        ret
.upper: mov [es:0x1f * 4], ecx
        ret
.rows:  db 14, 25, 43
.specifier:
        pop ax
        mov dx, 0x3c4
        mov al, 3
        mov ah, bl
        out dx, ax
        ret
.query: mov ax, [BDA_CHAR_HEIGHT]
        mov [bp + F_CX], ax
        mov al, [BDA_ROWS]
        mov [bp + F_DL], al
        mov [bp + F_ES], cs
        mov bl, [bp + F_BH]
        cmp bl, 1
        jbe .vectors
        mov di, font8x8
        cmp bl, 3
        je .table
        add di, 128 * 8
        cmp bl, 4
        je .table
        mov di, font8x14
        cmp bl, 2
        je .table
        cmp bl, 5
        je .table
        mov di, font8x16
        jmp short .table
.vectors:
        push ds                 ; INT 1Fh and 43h as they stand
        xor si, si
        mov ds, si
        mov si, 0x1f * 4
        test bl, bl
        jz .vector
        mov si, 0x43 * 4
.vector:
        les di, [si]
        pop ds
        mov [bp + F_ES], es
.table: mov [bp + F_BP], di
        ret
