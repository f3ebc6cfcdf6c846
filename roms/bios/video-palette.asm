; INT 10h AH=0Bh-0Dh, 10h: pixels, palette registers and the DAC.

; AH=0Bh: BH=0: border and background BL, bit 4 the brightness of the others; BH=1: which three
; other colours mode 4 has.
video_cga_palette:
        mov bx, [bp + F_BX]
        cmp bh, 1
        ja .done
        je .colours
        mov ch, bl
        mov bh, bl
        and bh, 0x0f
        cmp bh, 8
        jb .dark
        add bh, 8               ; bright ones stand at 10h
.dark:  mov bl, 0x11
        call attribute_write
        cmp byte [BDA_VIDEO_MODE], 3
        jbe .done               ; text has a background of its own
        mov bl, 0
        call attribute_write
        mov cl, 0xef
        and ch, 0x10
        jmp short .each
.colours:
        mov cl, 0xfe
        mov ch, bl
        and ch, 1
; Bits CH of the three other colours, CL are those that stay.
.each:  mov bl, 1
.next:  push bx
        call attribute_read
        and bh, cl
        or bh, ch
        pop dx
        mov bl, dl
        call attribute_write
        inc bl
        cmp bl, 4
        jb .next
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
        cmp al, 0x08
        je .read_border
        cmp al, 0x09
        je .read_all
        cmp al, 0x10
        je .dac
        cmp al, 0x12
        je .dac_block
        cmp al, 0x15
        je .dac_read
        cmp al, 0x17
        je .dac_read_block
        cmp al, 0x18
        je .mask
        cmp al, 0x19
        je .read_mask
        cmp al, 0x1b
        je .greys
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
.read_border:
        mov bl, 0x11
        call attribute_read
        mov [bp + F_BH], bh
        ret
.read_all:
        mov es, [bp + F_ES]
        mov di, [bp + F_DX]
        xor cl, cl
.read_entry:
        mov bl, cl
        cmp bl, 16
        jne .read_out
        inc bl                  ; the border comes last
.read_out:
        call attribute_read
        mov al, bh
        stosb
        inc cl
        cmp cl, 17
        jb .read_entry
        ret
.mask:  mov dx, 0x3c6
        mov al, bl
        out dx, al
        ret
.read_mask:
        mov dx, 0x3c6
        in al, dx
        mov [bp + F_BL], al
        ret
; CX entries from BL: 30 % red, 59 % green, 11 % blue, of 256 parts.
.greys: jcxz .grey_done
        mov al, bl
        mov dx, 0x3c7
        out dx, al
        mov dl, 0xc9
        in al, dx
        mov ah, 77
        mul ah
        mov si, ax
        in al, dx
        mov ah, 151
        mul ah
        add si, ax
        in al, dx
        mov ah, 28
        mul ah
        add si, ax
        mov al, bl
        mov dl, 0xc8
        out dx, al
        mov ax, si
        mov al, ah
        inc dx
        out dx, al
        out dx, al
        out dx, al
        inc bl
        loop .greys
.grey_done:
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

; The DAC: 64 EGA colours (rgbRGB); 16 CGA colours four times where lines are 200 (bit 4: bright);
; or for mode 13h 16 colours, 16 greys and 216 hues.
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
        cmp byte [BDA_VIDEO_MODE], 4
        jb .send
        cmp byte [BDA_VIDEO_MODE], 7
        je .send
        cmp byte [BDA_VIDEO_MODE], 0x0e
        ja .send
        and bl, 0x17
        cmp bl, 6
        jne .bright
        mov bl, 0x14
        jmp short .send
.bright:
        btr bx, 4
        jnc .send
        or bl, 0x38
.send:  call dac_ega
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
