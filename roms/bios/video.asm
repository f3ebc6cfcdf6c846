; INT 10h on VGA hardware: modes, cursor, characters, pixels, scrolling, palette, fonts.
; Built into the BIOS and, alone, as the option ROM of the VGA card. Its only memory is the BIOS
; data area. With MIRROR defined, text also goes to the terminal at COM1 (mirror.asm).
; Not here: light pen, pixels and text in VESA modes.

int10:
        SERVICE_ENTER
        cmp ah, 0x4f
        je .vbe
        movzx bx, ah
        cmp bl, 0x1c
        ja .done
        add bx, bx
        call [cs:.table + bx]
.done:  SERVICE_LEAVE
.vbe:   call int10_vbe
        SERVICE_LEAVE
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

%include "bios/vbe.asm"
%include "bios/video-modes.asm"
%include "bios/video-text.asm"
%include "bios/video-graphics.asm"
%include "bios/video-font.asm"
%include "bios/video-palette.asm"
