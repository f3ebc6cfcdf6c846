; INT 10h: cursor, characters, scrolling, pages.

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
        call video_kind
        cmp ah, KIND_PLANAR     ; which counts bytes of a plane, not words
        mov ax, di
        je .start
        shr ax, 1
.start: push ax
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
        push ax
        call video_kind
        cmp ah, KIND_TEXT
        pop ax
        je .text
        call graphics_scroll
        pop es
        ret
.text:  call text_segment
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
        call video_kind
        mov bx, [bp + F_BX]
        cmp ah, KIND_TEXT
        jne graphics_read
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
        mov bx, [bp + F_BX]
        call cursor_slot
        mov dx, [si]
        mov cx, [bp + F_CX]
%ifdef MIRROR
        call mirror_cells
%endif
        push ax
        call video_kind
        cmp ah, KIND_TEXT
        pop ax
        jne graphics_write
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
        mov bl, [bp + F_BL]
        mov bh, [BDA_PAGE]
; AL on page BH at its cursor, control codes obeyed; BL = colour if pixels are drawn. Keeps all
; registers but ES.
teletype:
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
.glyph: call video_kind
        cmp ah, KIND_TEXT
        je .cell
        call graphics_glyph
        jmp short .right
.cell:  call text_segment
        call text_offset
        mov [es:di], al
.right: inc dl
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
        call video_kind
        mov bh, [es:di + 1]
        cmp ah, KIND_TEXT
        je .attribute
        mov bh, 0
.attribute:
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
%ifdef MIRROR
        mov [cs:mirror_want], bl
%endif
        call video_kind
        cmp ah, KIND_TEXT
        jne .drawn
        call text_segment
        call text_offset
        mov [es:di + 1], bl
.drawn: pop di
        pop si
        pop ax
        call teletype
%ifdef MIRROR
        mov byte [cs:mirror_want], 7
%endif
        ret
