; INT 10h AH=11h: character generators.

; Our glyphs of BH rows, 16 or 8, into font block BL.
text_font:
        push si
        push ds
        push cs
        pop ds
        mov si, font8x16
        cmp bh, 8
        jne .load
        mov si, font8x8
.load:  mov cx, 256
        xor dx, dx
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
        mov bh, 8               ; 02h is the small font; 14 lines are drawn with 16
        cmp ah, 2
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
